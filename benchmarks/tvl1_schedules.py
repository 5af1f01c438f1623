"""How far TV-L1's flow moves between OpenCV's CPU schedule, our default, and that of its CUDA version.

    python -m benchmarks tvl1_schedules VIDEO [VIDEO ...]

One pair of each video, at the recognisers' size of config/paper.yaml. Both schedules run in our TV-L1;
OpenCV's CUDA version itself needs a GPU and was not run.
"""

from __future__ import annotations

import argparse
import sys
import time
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from pipeline.config import TVL1
from pipeline.flow.quantise import quantise
from pipeline.flow.tvl1 import tvl1
from pipeline.video.frames import read_frames
from pipeline.video.resize import resize_frames

CPU, CUDA = TVL1(), TVL1(inner_iterations=300, outer_iterations=1, median=1)
PAIR, SIZE, BOUND = slice(10, 12), (340, 256), 20.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("videos", nargs="+", type=Path, help="videos of 12 frames or more")
    seconds, motion, distances, changed, levels = np.zeros(2), [], [], [], []
    for video in parser.parse_args().videos:
        frames = resize_frames(np.stack(list(islice(read_frames(video), 12))[PAIR]), *SIZE)
        pair = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
        flows = []
        for number, schedule in enumerate((CPU, CUDA)):
            start = time.process_time()
            flows.append(tvl1(*pair, schedule))
            seconds[number] += time.process_time() - start
        motion.append(np.hypot(*flows[0]).mean())
        distances.append(np.hypot(*(flows[0] - flows[1])).mean())
        stored = [quantise(flow, BOUND).astype(int) for flow in flows]
        changed.append((stored[0] != stored[1]).mean())
        levels.append(abs(stored[0] - stored[1]).mean())
    print(f"{len(distances)} pairs, motion {np.mean(motion):.2f} px")
    worst = f"median {np.median(distances):.3f}, worst {np.max(distances):.2f}"
    print(f"distance in px: mean {np.mean(distances):.3f}, {worst}")
    print(f"stored levels: {np.mean(changed):.1%} differ, mean difference of all {np.mean(levels):.2f}")
    print(f"time of the CUDA schedule: {seconds[1] / seconds[0]:.2f} of the CPU schedule's")


if __name__ == "__main__":
    main()
