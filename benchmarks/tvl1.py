"""Our TV-L1 against OpenCV contrib's, both on one thread, in one run: time ratio and difference of flow.

    python -m benchmarks tvl1 [video ...] [--pairs 4]

Without a video, scikit-image's pictures are moved by known shifts, and the error against those is
printed too. Absolute times move with what else the machine does; look at the ratio. "OpenCV's own
change" is how far its mean flow moves when noise of 0.001 grey levels is added to its input: the
iteration amplifies the last digit, so no two implementations agree better than that.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from skimage import data

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from pipeline.config import TVL1
from pipeline.flow.tvl1 import tvl1
from pipeline.video.frames import read_frames

SIZES = [(320, 240), (96, 72)]
NOISE = 1e-3
SHIFTS = [(1.5, 0.0), (-2.25, 3.0), (0.5, -0.75)]
Pair = tuple[np.ndarray, np.ndarray, tuple[float, float] | None]


def pairs_of_video(path: Path, size: tuple[int, int], count: int) -> list[Pair]:
    """Consecutive grey frames, spread over the first 150 frames of a video."""
    frames = [
        cv2.cvtColor(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        for frame in islice(read_frames(path), 150)
    ]
    starts = np.linspace(0, len(frames) - 2, min(count, len(frames) - 1)).astype(int)
    return [(frames[start], frames[start + 1], None) for start in starts]


def pairs_of_pictures(size: tuple[int, int]) -> list[Pair]:
    """Pictures of scikit-image and the same moved by known shifts."""
    pairs = []
    for name, (dx, dy) in zip(("astronaut", "coffee", "chelsea"), SHIFTS, strict=True):
        picture = cv2.cvtColor(getattr(data, name)(), cv2.COLOR_RGB2GRAY)
        big = cv2.resize(picture, (size[0] + 16, size[1] + 16), interpolation=cv2.INTER_AREA)
        moved = cv2.warpAffine(
            big, np.float32([[1, 0, dx], [0, 1, dy]]), big.shape[::-1], flags=cv2.INTER_CUBIC
        )
        pairs.append((*(np.ascontiguousarray(image[8:-8, 8:-8]) for image in (big, moved)), (dx, dy)))
    return pairs


def timed(function: Callable[[], np.ndarray], repeats: int) -> tuple[float, np.ndarray]:
    """Best milliseconds of some repeats, and the result."""
    best, result = np.inf, np.empty(0)
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        best = min(best, 1e3 * (time.perf_counter() - start))
    return best, result


def compare(title: str, pairs: list[Pair], repeats: int = 3) -> None:
    """Print a line per pair and the totals."""
    params, reference = TVL1(), cv2.optflow.DualTVL1OpticalFlow_create()
    rng = np.random.default_rng(0)
    tvl1(*pairs[0][:2], params)  # compiles at the first use
    totals, differences, own_changes = np.zeros(2), [], []
    print(f"\n{title}\n{'ours':>8} {'OpenCV':>8}          difference in px         OpenCV's own")
    print(f"{'ms':>8} {'ms':>8} {'ratio':>6} {'mean':>8} {'50 %':>7} {'99 %':>7} {'change':>10}")
    for frame0, frame1, shift in pairs:
        # In turns, so that other work on the machine affects both.
        ours, flow = timed(lambda a=frame0, b=frame1: tvl1(a, b, params), 2 * repeats)
        theirs, expected = timed(lambda a=frame0, b=frame1: reference.calc(a, b, None), repeats)
        noisy = [
            ((frame + rng.normal(0, NOISE, frame.shape)) / 255).astype(np.float32)
            for frame in (frame0, frame1)
        ]
        own_change = np.hypot(*np.moveaxis(reference.calc(*noisy, None) - expected, -1, 0))
        expected = np.moveaxis(expected, -1, 0)
        difference = np.hypot(*(flow - expected)).ravel()
        totals += ours, theirs
        differences.append(difference)
        own_changes.append(own_change.mean())
        known = ""
        if shift:
            errors = [np.hypot(*(f - np.array(shift)[:, None, None])).mean() for f in (flow, expected)]
            known = f"   error against the shift: ours {errors[0]:.3f}, OpenCV {errors[1]:.3f}"
        median, high = np.percentile(difference, [50, 99])
        print(
            f"{ours:8.2f} {theirs:8.1f} {theirs / ours:6.1f} {difference.mean():8.4f} {median:7.4f} "
            f"{high:7.3f} {own_changes[-1]:10.4f}{known}"
        )
    together = np.concatenate(differences)
    median, high = np.percentile(together, [50, 99])
    print(
        f"together {totals[1] / totals[0]:.1f} times as fast; mean difference {together.mean():.4f} px "
        f"(median {median:.4f}, 99 % {high:.3f}); OpenCV's own change {np.mean(own_changes):.4f} px"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("videos", nargs="*", type=Path, help="videos to take frames from")
    parser.add_argument("--pairs", type=int, default=4, help="pairs per video")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"{platform.machine()}, OpenCV {cv2.__version__}, one thread each")
    for width, height in SIZES:
        if arguments.videos:
            pairs = [
                pair
                for video in arguments.videos
                for pair in pairs_of_video(video, (width, height), arguments.pairs)
            ]
            compare(f"{width}x{height}, {len(arguments.videos)} videos", pairs)
        else:
            compare(f"{width}x{height}, moved pictures", pairs_of_pictures((width, height)))


if __name__ == "__main__":
    main()
