"""The stage that computes the flow of the training videos: SoSR's weight maps and ToSR's warps."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np

from pipeline.data.manifest import read_manifest, select
from pipeline.files import seed_for
from pipeline.flow.draw import TooShortError, draw_frames
from pipeline.flow.pairs import FlowError, pair_flows
from pipeline.flow.request import ExtractTrainingFlow
from pipeline.video.store import ShardReader, ShardWriter


def extract_training_flow(
    request: ExtractTrainingFlow, frames: Path, manifest: Path, weights: Path | None, out: Path
) -> None:
    """Write the flow of a shard's training videos at HR size, between drawn frames t and t + gap.

    Source: section 4.1; docs/facts.md, section 2 (FlowNet2 for SoSR, TV-L1 for ToSR).

    Args:
        request: shard, engine ("tvl1" on grey frames, or "flownet2" on colour) and its settings, drawn
            frames, and distance of a pair in frames.
        frames: HR frame store of the shard.
        manifest: the training videos.
        weights: FlowNet2's; None: TV-L1.
        out: store of (h, w, 2) float16 flow in pixels, with the first frame's number as index. A video
            that is too short is reported in the log and left out.

    Raises:
        FlowError: every video of the shard is too short.
        FileNotFoundError: no weights for FlowNet2.
        DeviceError: FlowNet2 needs a GPU that this machine lacks.
        StoreError: the frame store lacks a video or a frame.
    """
    # Loaded by name, so that TV-L1 jobs do not spend seconds on importing torch.
    load_engine = importlib.import_module(f"pipeline.flow.{request.engine}").load_engine
    gap = request.gap
    videos = select(read_manifest(manifest), "train", request.shard)
    with (
        load_engine(request, weights) as chosen,
        ShardReader(frames) as reader,
        ShardWriter(out) as writer,
    ):
        short = []
        for video in videos:
            rng = np.random.default_rng(seed_for(request.seed, "draw", video.id))
            try:
                drawn = draw_frames(video.frames, request.frames_per_video, request.margin, gap, rng)
            except TooShortError as error:
                print(f"left out training video {video.id}: {error}", file=sys.stderr)
                short.append(video.id)
                continue
            fields = (f.astype(np.float16) for f in pair_flows(reader, video.id, drawn, gap, chosen))
            writer.add(video.id, fields, index=drawn, gap=gap, engine=request.engine)
        if videos and len(short) == len(videos):
            raise FlowError(
                f"shard {request.shard} of {manifest}: all {len(videos)} videos are too short for margin "
                f"{request.margin} and pairs {gap} apart ({', '.join(short[:5])}); give longer videos or "
                f"fewer shards"
            )
