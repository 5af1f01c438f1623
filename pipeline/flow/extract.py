"""The stage that computes the TV-L1 flow of the clips that recognisers read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from pipeline.data.manifest import Clip, read_manifest, select
from pipeline.data.plan import read_plan
from pipeline.flow.pairs import Engine, FlowError, Frames, pair_flows
from pipeline.flow.quantise import quantise
from pipeline.flow.request import ExtractFlow
from pipeline.flow.tvl1 import tvl1 as tvl1_flow
from pipeline.video.resize import resize_frames
from pipeline.video.store import ShardReader, ShardWriter


def extract_flow(
    request: ExtractFlow,
    frames: Path,
    manifest: Path,
    plan: Path | None,
    out: Path,
) -> None:
    """Write the quantised TV-L1 flow of a shard's clips, at the recognisers' size.

    Field t goes from frame t to t + 1. A one-frame clip gets one field of zero motion. Frames are read
    one by one, so memory does not grow with a clip's length. Source: section 4.3; docs/facts.md, section 6.

    Args:
        request: split and shard, TV-L1's schedule, the bound in pixels, width and height.
        frames: frame store of the shard, RGB.
        manifest: the data set's clips.
        plan: which fields are read of each clip; None: all fields are made.
        out: flow store, (h, w, 2) uint8 with the field's number as index.

    Raises:
        FlowError: the plan lacks a clip or contains a field that does not exist.
        StoreError: the frame store lacks a clip or a frame.
    """
    cv2.setNumThreads(1)  # jobs run in parallel instead
    fields_of = read_plan(plan) if plan else None
    with ShardReader(frames) as reader, ShardWriter(out) as writer:
        for clip in select(read_manifest(manifest), request.split, request.shard):
            if fields_of is not None and clip.id not in fields_of:
                raise FlowError(f"{plan}: no clip {clip.id}, but {manifest} has it; make the plan again")
            fields = list(range(max(clip.frames - 1, 1))) if fields_of is None else fields_of[clip.id].fields
            if not fields or min(fields) < 0 or max(fields) >= max(clip.frames - 1, 1):
                raise FlowError(
                    f"{plan}: contains fields {fields[:3]}...{fields[-3:]} of {clip.id}, which has "
                    f"{clip.frames} frames; make the plan again"
                )
            levels = clip_fields(reader, clip, fields, request)
            writer.add(clip.id, levels, index=fields, bound=request.bound)


def clip_fields(reader: Frames, clip: Clip, fields: list[int], request: ExtractFlow) -> Iterator[np.ndarray]:
    """Quantised fields (h, w, 2) uint8 of a clip by their numbers, ascending; frames are read one by one."""
    width, height = request.frame_size

    def grey(frame: np.ndarray) -> np.ndarray:
        return cv2.cvtColor(resize_frames(frame[None], width, height)[0], cv2.COLOR_RGB2GRAY)

    engine = Engine(grey, lambda first, second: tvl1_flow(first, second, request.tvl1))
    if clip.frames == 1:
        found: Iterable[np.ndarray] = [np.zeros((height, width, 2), np.float32)]
    else:
        found = pair_flows(reader, clip.id, fields, 1, engine)
    return (quantise(field, request.bound) for field in found)
