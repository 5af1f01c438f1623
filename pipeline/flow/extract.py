"""Stages that compute optical flow: of the recognisers' clips, and of the training videos."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from pipeline.config import TVL1
from pipeline.data.manifest import Clip, read_manifest, select
from pipeline.data.plan import read_plan
from pipeline.files import seed_for
from pipeline.flow.draw import TooShortError, draw_frames
from pipeline.flow.quantise import quantise
from pipeline.flow.tvl1 import tvl1 as tvl1_flow
from pipeline.video.resize import resize_frames
from pipeline.video.store import ShardReader, ShardWriter

log = logging.getLogger(__name__)

Prepare = Callable[[np.ndarray], np.ndarray]
"""An RGB frame as it is stored -> the frame that flow is computed on."""

PairFlow = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Two prepared frames -> flow (2, h, w) float32 from the first to the second."""


class FlowError(Exception):
    """Flow that cannot be computed as asked; the message names the clip and what to do."""


def extract_flow(
    frames: Path,
    manifest: Path,
    split: Literal["train", "test"],
    shard: int,
    plan: Path | None,
    tvl1: TVL1,
    bound: float,
    frame_size: list[int],
    out: Path,
) -> None:
    """Write the quantised TV-L1 flow of a shard's clips, at the size that recognisers read.

    Field t goes from frame t to t + 1. A one-frame clip gets one field of zero motion. Frames are read
    one by one, so memory does not grow with a clip's length. Source: section 4.3; FACTS section 6.

    Args:
        frames: frame store of the shard, RGB.
        manifest: the data set's clips.
        split: whose clips.
        shard: the job of this split.
        plan: which fields are read of each clip; None: all fields are made.
        tvl1: the schedule of TV-L1.
        bound: pixels that are clipped to.
        frame_size: width and height.
        out: flow store, (h, w, 2) uint8 with the field's number as index.

    Raises:
        FlowError: the plan lacks a clip or asks for a field that does not exist.
        StoreError: the frame store lacks a clip or a frame.
    """
    width, height = frame_size
    fields_of = read_plan(plan) if plan else None

    def grey(frame: np.ndarray) -> np.ndarray:
        return cv2.cvtColor(resize_frames(frame[None], width, height)[0], cv2.COLOR_RGB2GRAY)

    def flow(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return tvl1_flow(first, second, tvl1)

    with ShardReader(frames) as reader, ShardWriter(out) as writer:
        for clip in select(read_manifest(manifest), split, shard):
            if fields_of is not None and clip.id not in fields_of:
                raise FlowError(f"{plan}: no clip {clip.id}, but {manifest} has it; make the plan again")
            fields = list(range(max(clip.frames - 1, 1))) if fields_of is None else fields_of[clip.id].fields
            if not fields or min(fields) < 0 or max(fields) >= max(clip.frames - 1, 1):
                raise FlowError(
                    f"{plan}: asks for fields {fields[:3]}...{fields[-3:]} of {clip.id}, which has "
                    f"{clip.frames} frames; make the plan again"
                )
            if clip.frames == 1:
                found: Iterable[np.ndarray] = [np.zeros((2, height, width), np.float32)]
            else:
                found = _pair_flows(reader, clip, fields, 1, grey, flow)
            levels = (quantise(np.moveaxis(field, 0, -1), bound) for field in found)
            writer.add(clip.id, levels, index=fields, bound=bound)


def extract_training_flow(
    frames: Path,
    manifest: Path,
    shard: int,
    engine: Literal["tvl1", "flownet2"],
    gap: int,
    frames_per_video: int,
    margin: int,
    seed: int,
    tvl1: TVL1,
    weights: Path | None,
    device: str,
    out: Path,
) -> None:
    """Write the flow of a shard's training videos at HR size, between drawn frames t and t + gap.

    Source: section 4.1; FACTS section 2 (FlowNet2 for SoSR, TV-L1 for ToSR).

    Args:
        frames: HR frame store of the shard.
        manifest: the training videos.
        shard: the job.
        engine: "tvl1" (grey frames), or "flownet2" (colour, needs weights).
        gap: frames between the two frames of a pair.
        frames_per_video: frames drawn from each video.
        margin: frames at a video's ends that are not drawn.
        seed: the config's seed.
        tvl1: the schedule of TV-L1.
        weights: FlowNet2's checkpoint.
        device: where FlowNet2 runs, "cpu" or "cuda".
        out: store of (h, w, 2) float16 flow in pixels, with the first frame's number as index. A video
            that is too short is reported in the log and left out.

    Raises:
        FlowError: no weights for FlowNet2, or every video of the shard is too short.
        StoreError: the frame store lacks a video or a frame.
    """
    if engine == "tvl1":
        prepare = _grey

        def flow(first: np.ndarray, second: np.ndarray) -> np.ndarray:
            return tvl1_flow(first, second, tvl1)
    else:
        prepare, flow = _colour, _flownet2(weights, device)

    videos = select(read_manifest(manifest), "train", shard)
    with ShardReader(frames) as reader, ShardWriter(out) as writer:
        short = []
        for video in videos:
            rng = np.random.default_rng(seed_for(seed, "draw", video.id))
            try:
                drawn = draw_frames(video.frames, frames_per_video, margin, gap, rng)
            except TooShortError as error:
                log.warning("left out training video %s: %s", video.id, error)
                short.append(video.id)
                continue
            found = _pair_flows(reader, video, drawn, gap, prepare, flow)
            fields = (np.moveaxis(field, 0, -1).astype(np.float16) for field in found)
            writer.add(video.id, fields, index=drawn, gap=gap, engine=engine)
        if videos and len(short) == len(videos):
            raise FlowError(
                f"shard {shard} of {manifest}: all {len(videos)} videos are too short for margin {margin} "
                f"and pairs {gap} apart ({', '.join(short[:5])}); give longer videos or fewer shards"
            )


def _pair_flows(
    reader: ShardReader,
    clip: Clip,
    numbers: list[int],
    gap: int,
    prepare: Prepare,
    flow: PairFlow,
) -> Iterator[np.ndarray]:
    """Flow from frame t to t + gap for ascending t; each frame is read and prepared once."""
    ready: dict[int, np.ndarray] = {}
    for number in numbers:
        ready = {kept: frame for kept, frame in ready.items() if kept >= number}
        for wanted in (number, number + gap):
            if wanted not in ready:
                ready[wanted] = prepare(reader.read(clip.id, [wanted])[0])
        yield flow(ready[number], ready[number + gap])


def _grey(frame: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)


def _colour(frame: np.ndarray) -> np.ndarray:
    return frame


def _flownet2(weights: Path | None, device: str) -> PairFlow:
    if weights is None:
        raise FlowError(
            "patches.spatial_flow is flownet2, but flow.flownet2.weights is not set; give the published "
            "checkpoint (FlowNet2_checkpoint.pth.tar), or set patches.spatial_flow to tvl1"
        )
    # Here, because a torch import costs seconds that a TV-L1 job need not pay.
    from pipeline.flow.flownet2 import flownet2_flow, load_flownet2

    model = load_flownet2(weights).to(device)
    return lambda first, second: flownet2_flow(model, first, second)
