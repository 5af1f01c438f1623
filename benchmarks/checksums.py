"""Cost of checksums: writing frames of videos to a store, reading them, and reading a checkpoint.

    python -m benchmarks checksums VIDEOS

Prints processor seconds; both variants run in turns, so that other work on the machine affects both.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from statistics import median
from unittest.mock import patch

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from pipeline.video import store
from pipeline.video.frames import read_frames
from pipeline.weights import checkpoint

ROUNDS = 5
FRAMES = 20
"""Of each video."""
PARAMETERS = 5_000_000


def main() -> None:
    """Print the milliseconds with and without checksums, and their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("videos", nargs="+", type=Path)
    videos = [np.stack(list(islice(read_frames(path), FRAMES))) for path in parser.parse_args().videos]
    count = sum(map(len, videos))
    with tempfile.TemporaryDirectory() as folder:
        path, weights = Path(folder, "hr.h5"), Path(folder, "model.safetensors")
        checkpoint.write_checkpoint(weights, torch.nn.Linear(PARAMETERS, 1), "linear", {}, {})

        def write() -> None:
            with store.ShardWriter(path) as writer:
                for number, frames in enumerate(videos):
                    writer.add(str(number), frames)

        def read() -> None:
            with store.ShardReader(path) as reader:
                for number, frames in enumerate(videos):
                    reader.read(str(number), range(len(frames)))

        def load() -> None:
            checkpoint.read_own(weights)

        times: dict[tuple[str, bool], list[float]] = {}
        for _ in range(ROUNDS):
            for checked in (True, False):
                with ExitStack() as stack:
                    if not checked:
                        stack.enter_context(patch.object(store, "COMPRESSED", {"compression": "lzf"}))
                        stack.enter_context(patch.object(checkpoint, "verify", lambda path, content: None))
                    for name, work in (("write", write), ("read", read), ("load", load)):
                        times.setdefault((name, checked), []).append(_seconds(work))
    for name, unit, divisor in (("write", "frame", count), ("read", "frame", count), ("load", "20 MB", 1)):
        checked, plain = (1000 * median(times[name, with_sums]) / divisor for with_sums in (True, False))
        print(f"{name}: {plain:.3f} to {checked:.3f} ms a {unit} ({checked / plain:.2f}x)")


def _seconds(work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
