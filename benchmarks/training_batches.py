"""Speed of preparing a recogniser's training batches: in the training itself, and in advance by workers.

    python -m benchmarks training_batches [--workers 2]

Clips a second of TSN's and ST-ResNet's published inputs (config/paper.yaml), out of stores of textured noise
that moves, 320x240, and of noisy flow at the recognisers' size; the processes' start is not counted. A
training on a GPU has ``compute.threads`` of them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from pipeline.config.load import load_config
from pipeline.data.manifest import Clip
from pipeline.recognition.batches import Batches
from pipeline.recognition.reading import ClipReader
from pipeline.video.resize import resize_frames
from pipeline.video.store import ShardWriter

ROOT = Path(__file__).resolve().parent.parent
CLIPS, FRAMES, SIZE = 16, 100, (320, 240)
BATCH, STEPS = 16, 40


def textures(seed: int, width: int, height: int, channels: int) -> Iterator[np.ndarray]:
    """Frames of a texture that moves by a pixel, with a little noise: they compress as videos do."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 8, (width + FRAMES) // 8, channels)).astype(np.uint8)
    wide = resize_frames(coarse[None], width + FRAMES, height)[0]
    for shift in range(FRAMES):
        yield wide[:, shift : shift + width] ^ rng.integers(0, 4, (height, width, channels), np.uint8)


def speed(batches: Batches, workers: int) -> float:
    """Clips a second, when all processes are at work."""
    first = 4 * max(workers, 1)
    ahead = batches.of_steps(range(first + STEPS), torch.device("cpu"), workers)
    for _ in range(first):
        next(ahead)
    begin = time.perf_counter()
    for _ in range(STEPS):
        next(ahead)
    taken = time.perf_counter() - begin
    assert next(ahead, None) is None  # ends the processes
    return STEPS * BATCH / taken


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=2, help="processes")
    workers = parser.parse_args().workers
    config = load_config(yaml.safe_load((ROOT / "config/paper.yaml").read_text()), data_must_exist=False)
    size = config.recognition.frame_size
    clips = [Clip(f"a/{n}", "", "a", 0, "train", FRAMES, SIZE[1], SIZE[0], 0) for n in range(CLIPS)]
    with tempfile.TemporaryDirectory() as folder:
        stores = Path(folder, "frames.h5"), Path(folder, "flow.h5")
        for store, shape in zip(stores, ((*SIZE, 3), (*size, 2)), strict=True):
            with ShardWriter(store) as writer:
                for number, clip in enumerate(clips):
                    writer.add(clip.id, textures(number, *shape))
        print(f"{'input':<22}{'here':>12}{f'{workers} processes':>16}{'ratio':>8}")
        with ClipReader(clips, [stores[0]], [stores[1]], size) as reader:
            for spec in config.recognition.recognizers.values():
                for stream in spec.streams:
                    part = spec.trained(stream, next(iter(config.datasets)))
                    stage = part.stages[0].model_copy(update={"batch_size": BATCH, "micro_batch": None})
                    batches = Batches(part, stage, clips, reader, 0, (stream,))
                    here, ahead = speed(batches, 0), speed(batches, workers)
                    name = f"{spec.label} {stream}"
                    print(f"{name:<22}{here:>8.1f} / s{ahead:>12.1f} / s{ahead / here:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
