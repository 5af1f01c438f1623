"""Cost of the stages of config/paper.yaml on one CPU core: the table behind preflight's estimates.

    python -m benchmarks throughput VIDEO [VIDEO ...] > pipeline/preflight/throughput.csv

Multiply-adds count as two operations. Times are processor seconds of one "unit", the best of a few calls, in
float32 and in bfloat16 (autocast). The rows "store" are ratios. Videos should be UCF101's: 320x240.
"store/sr" depends on the networks: 0.27 for VDSR, 0.43 for SRGAN, with published weights.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from itertools import chain, islice
from pathlib import Path
from typing import Any

# As Snakemake sets it for its jobs: otherwise numpy's products keep all cores busy, for no gain.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import cv2
import numpy as np
import torch
import yaml
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from pipeline.config import TVL1, Compute, Config
from pipeline.config.load import load_config
from pipeline.data.manifest import Clip, write_manifest
from pipeline.data.prepare import prepare_clips
from pipeline.data.request import PrepareClips
from pipeline.flow.quantise import quantise
from pipeline.flow.tvl1 import tvl1
from pipeline.hdf5 import open_file
from pipeline.preflight.cost import network_operations
from pipeline.preflight.measure import build
from pipeline.preflight.throughput import Operation
from pipeline.training.timing import device_name, time_pass
from pipeline.video.frames import read_frames
from pipeline.video.resize import resize_frames
from pipeline.video.store import ShardWriter

ROOT = Path(__file__).resolve().parent.parent
PAIRS = 6
"""Pairs of each video whose flow is timed: motion decides how long TV-L1 iterates."""
Row = tuple[str, str, float | str, float, float | str]

PAPER: dict[str, Any] = {"scale": 4, "degradation": ["bicubic"], "seed": None, "ffmpeg": None}


def clock() -> float:
    """Processor seconds of this process and of those that it waited for (ffmpeg), without other work."""
    return sum(os.times()[:4])


def network_row(operation: Operation) -> Row:
    """Operations and times of one forward pass."""
    network, shape = build(operation)
    inputs = torch.rand(1, *shape)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(inputs)
    seconds = time_pass(network, inputs, Compute())
    # Flow is float32 whatever the configuration says.
    half = "" if operation.kind == "flow" else time_pass(network, inputs, Compute(precision="bfloat16"))
    return operation.name, operation.unit, counter.get_total_flops() / 1e9, seconds, half


def video_rows(videos: list[Path], config: Config) -> Iterator[Row]:
    """Decoding, preparing, flow and the size of the stores, over all frames of some videos."""
    frames, decoding = 0, 0.0
    clips = []
    for number, path in enumerate(videos):
        start = clock()
        count = sum(1 for _ in read_frames(path))
        decoding += clock() - start
        frames += count
        clips.append(Clip(f"a/{number}", str(path), "a", 0, "train", count, 240, 320, 0))
    yield "decode", "320x240 frame", "", decoding / frames, ""
    with tempfile.TemporaryDirectory() as folder:
        manifest, hr, lr, flow = (Path(folder, name) for name in ("m.csv", "hr.h5", "lr.h5", "flow.h5"))
        write_manifest(manifest, clips)
        start = clock()
        prepare_clips(
            PrepareClips(split="train", shard=0, scale=4, degradation=["bicubic"], seed=None, ffmpeg=None),
            manifest,
            hr,
            lr,
        )
        yield "prepare", "320x240 frame", "", (clock() - start) / frames, ""
        yield "store/frames", "byte of HR", "", round(stored(hr), 3), ""
        yield "store/lr", "byte of LR", "", round(stored(lr), 3), ""
        yield "store/sr", "byte of SR", "", 0.35, ""
        yield "flow", "340x256 pair", "", time_flow(videos, config.flow.tvl1, flow), ""
        yield "store/flow", "byte of flow", "", round(stored(flow), 3), ""


def time_flow(videos: list[Path], settings: TVL1, out: Path) -> float:
    """Mean seconds of a pair's TV-L1; the quantised fields are stored in ``out``."""
    seconds = []
    with ShardWriter(out) as writer:
        for path in videos:
            frames = np.stack(list(islice(read_frames(path), 100)))
            first = np.linspace(0, len(frames) - 2, PAIRS).astype(int)
            grey = [cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in resize_frames(frames, 340, 256)]
            tvl1(grey[0], grey[1], settings)
            start = clock()
            fields = [tvl1(grey[t], grey[t + 1], settings) for t in first]
            seconds.append((clock() - start) / PAIRS)
            writer.add(path.stem, [quantise(np.moveaxis(field, 0, -1), 20.0) for field in fields])
    return float(np.mean(seconds))


def stored(path: Path) -> float:
    """Bytes on disk for each byte of content."""
    with open_file(path) as file:
        sizes: list[int] = []
        file["frames"].visititems(lambda _, item: sizes.append(item.nbytes if hasattr(item, "nbytes") else 0))
    return path.stat().st_size / sum(sizes)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("videos", nargs="+", type=Path, help="320x240 videos")
    videos = parser.parse_args().videos
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    config = load_config(yaml.safe_load((ROOT / "config/paper.yaml").read_text()), data_must_exist=False)
    print(f"# Made by the benchmark throughput on {device_name(Compute())}, torch {torch.__version__},")
    print(f"# {date.today()}, {len(videos)} videos, processor seconds.")
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["operation", "unit", "gflop", "float32", "bfloat16"])
    for row in chain(video_rows(videos, config), map(network_row, network_operations(config))):
        writer.writerow([f"{cell:.4g}" if isinstance(cell, float) else cell for cell in row])
        sys.stdout.flush()


if __name__ == "__main__":
    main()
