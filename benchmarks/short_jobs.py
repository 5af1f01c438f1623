"""Overheads of short jobs, each compared with an alternative in one run.

    python -m benchmarks short_jobs [--repeats 5]

Determinism: processor seconds of a process that turns it on in torch, by `use_deterministic_algorithms`
(which loads torch's compiler) and by `set_deterministic_debug_mode` (what torch_settings does). Decoding:
seconds a clip of 8 frames, with ffmpeg's own number of threads for filters and with one.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from pipeline.video import frames

CALLS = {
    "use_deterministic_algorithms": "torch.use_deterministic_algorithms(True, warn_only=True)",
    "set_deterministic_debug_mode": 'torch.set_deterministic_debug_mode("warn")',
}


def start(call: str) -> float:
    """Processor seconds of a process that imports torch and makes a call."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", f"import torch; {call}"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def decode(clip: Path, options: tuple[str, ...]) -> float:
    """Seconds of decoding a clip with ffmpeg's global options."""
    kept, frames.ONE_THREAD = frames.ONE_THREAD, options
    try:
        begin = time.perf_counter()
        for _ in frames.read_frames(clip):
            pass
        return time.perf_counter() - begin
    finally:
        frames.ONE_THREAD = kept


def compare(title: str, ways: dict[str, Callable[[], float]], repeats: int) -> None:
    """Print the median of each variant over rounds in which all take turns, and its ratio to the first."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            times[name].append(way())
    medians = {name: statistics.median(values) for name, values in times.items()}
    first = next(iter(medians.values()))
    for name, median in medians.items():
        print(f"{title}, {name}: {median:.3f} s ({first / median:.2f}x)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    compare("start", {name: lambda call=call: start(call) for name, call in CALLS.items()}, repeats)
    noise = np.random.default_rng(0).integers(0, 256, (8, 72, 96, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.avi"
        frames.write_video(clip, noise, fps=25)
        ways = {"filter threads as ffmpeg likes": (), "one filter thread": frames.ONE_THREAD}
        compare(
            "decode",
            {n: lambda options=o: decode(clip, options) for n, o in ways.items()},
            repeats * 20,
        )


if __name__ == "__main__":
    main()
