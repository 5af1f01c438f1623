"""What the stages of config/paper.yaml take on one CPU core: the table behind preflight's estimates.

    python benchmarks/throughput.py VIDEO [VIDEO ...] > pipeline/preflight/throughput.csv

Multiply-adds count as two operations. Times are processor seconds of one "unit", the best of a few calls, in
float32 and in bfloat16 (autocast). The rows "store" are ratios. Videos should be UCF101's: 320x240.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from itertools import chain, islice
from pathlib import Path

import cv2
import h5py
import numpy as np
import torch
import yaml
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from pipeline.config import TVL1, Config
from pipeline.config_file import load_config
from pipeline.data.manifest import Clip, write_manifest
from pipeline.data.prepare import prepare_clips
from pipeline.flow.flownet2 import FlowNet2
from pipeline.flow.quantise import quantise
from pipeline.flow.tvl1 import tvl1
from pipeline.preflight.cost import sr_operation
from pipeline.recognition.models import build_backbone
from pipeline.superres.features import VGG19
from pipeline.superres.layout import image_layout
from pipeline.superres.networks import load_network
from pipeline.video.frames import read_frames
from pipeline.video.resize import resize_frames
from pipeline.video.store import ShardWriter

ROOT = Path(__file__).resolve().parent.parent
PAIRS = 6
"""Pairs of each video whose flow is timed: motion decides how long TV-L1 iterates."""
Row = tuple[str, str, float | str, float, float | str]


def clock() -> float:
    """Processor seconds of this process and of those that it waited for (ffmpeg), without other work."""
    return sum(os.times()[:4])


def best(function: Callable[[], object], repeats: int = 3) -> float:
    """Seconds of the fastest call."""
    times = []
    for _ in range(repeats):
        start = clock()
        function()
        times.append(clock() - start)
    return min(times)


def network_row(operation: str, unit: str, network: torch.nn.Module, *inputs: torch.Tensor) -> Row:
    """Operations and times of one forward pass."""
    network = image_layout(network.eval())
    with torch.inference_mode():
        with FlopCounterMode(display=False) as counter:
            network(*inputs)
        seconds = best(lambda: network(*inputs), 2)
        half: float | str = ""
        # FlowNet2 runs in float32 whatever the configuration says.
        if operation != "flownet2":
            with torch.autocast("cpu", torch.bfloat16):
                half = best(lambda: network(*inputs), 2)
    return operation, unit, counter.get_total_flops() / 1e9, seconds, half


def network_rows(config: Config) -> Iterator[Row]:
    """All networks of the configuration at its sizes, each once."""
    done = {None}
    for model in config.superres.models.values():
        name = sr_operation(model)
        if name not in done:
            network = load_network(model.network, model.args)
            yield network_row(name, "320x240 frame", network, torch.rand(1, network.frames, 3, 60, 80))
            done.add(name)
        adversarial = model.training and model.training.losses.adversarial
        if adversarial and adversarial.discriminator not in done:
            side = adversarial.args["size"]
            network = load_network(adversarial.discriminator, adversarial.args)
            name = f"discriminator/{adversarial.discriminator}"
            yield network_row(name, f"{side}x{side} image", network, torch.rand(1, 3, side, side))
            done.add(adversarial.discriminator)
    yield network_row("features/vgg19", "128x128 image", VGG19(), torch.rand(1, 3, 128, 128))
    for spec in config.recognition.recognizers.values():
        for stream, channels in (("spatial", 3), ("temporal", 2 * spec.flow_stack)):
            network = build_backbone(spec, stream, 101, 0.0)
            image = torch.rand(1, channels, spec.crop, spec.crop)
            yield network_row(
                f"recognition/{spec.network}/{stream}", f"{spec.crop}x{spec.crop} view", network, image
            )
    pair = torch.rand(1, 3, 2, 256, 320)
    yield network_row("flownet2", "320x256 pair", FlowNet2(), pair)


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
        seconds = best(lambda: prepare_clips(manifest, "train", 0, hr, lr), 1)
        yield "prepare", "320x240 frame", "", seconds / frames, ""
        yield "store/frames", "byte of RGB", "", round(stored(hr), 3), ""
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
    with h5py.File(path) as file:
        sizes: list[int] = []
        file["frames"].visititems(lambda _, item: sizes.append(item.nbytes if hasattr(item, "nbytes") else 0))
    return path.stat().st_size / sum(sizes)


def cpu() -> str:
    """Name of the processor."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    found = re.search(r"model name\s*: (.*)", text)
    return found[1] if found else platform.processor() or platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("videos", nargs="+", type=Path, help="320x240 videos")
    videos = parser.parse_args().videos
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    config = load_config(yaml.safe_load((ROOT / "config/paper.yaml").read_text()), data_must_exist=False)
    print(f"# Made by benchmarks/throughput.py on one core of {cpu()}, torch {torch.__version__},")
    print(f"# {date.today()}, {len(videos)} videos, processor seconds, beside other work.")
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["operation", "unit", "gflop", "float32", "bfloat16"])
    for row in chain(video_rows(videos, config), network_rows(config)):
        writer.writerow([f"{cell:.4g}" if isinstance(cell, float) else cell for cell in row])
        sys.stdout.flush()


if __name__ == "__main__":
    main()
