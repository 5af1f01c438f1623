"""Size and speed of shard stores: the coding of frames and flow against HDF5's lzf, in one run.

    python -m benchmarks frame_coding [STORE ...] [--videos VIDEO ...] [--frames 40]

STORE is a run's HDF5 file of frames or flow; of a video all frames are taken, of both at most --frames of
each. Prints bytes as a share of the pixels' and processor milliseconds a frame. The variants run in turns,
so that other work on the machine affects both.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from pipeline.hdf5 import COMPRESSED, create_hdf5, open_hdf5
from pipeline.video.frames import read_frames
from pipeline.video.store import ShardReader, ShardWriter

ROUNDS = 5


def from_store(path: Path, count: int) -> np.ndarray:
    """Frames of a store, spread over its clips that have the first one's size."""
    with ShardReader(path) as reader:
        shape = reader.shape(reader.clips[0])[1:]
        clips = [clip for clip in reader.clips if reader.shape(clip)[1:] == shape][:count]
        each = -(-count // len(clips))
        taken = [reader.read(clip, _spread(reader.index(clip), each)) for clip in clips]
    return np.concatenate(taken)[:count]


def _spread(numbers: np.ndarray, count: int) -> list[int]:
    return [
        int(numbers[place])
        for place in np.linspace(0, len(numbers) - 1, min(count, len(numbers))).astype(int)
    ]


def coded(frames: np.ndarray, path: Path) -> Iterator[None]:
    """Write and read with our coding."""
    with ShardWriter(path) as writer:
        writer.add("clip", frames)
    yield
    with ShardReader(path) as reader:
        reader.read("clip", range(len(frames)))
    yield


def lzf(frames: np.ndarray, path: Path) -> Iterator[None]:
    """Write and read as version 0.1.0 did."""
    with create_hdf5(path) as new:
        chunk = (1, *frames.shape[1:])
        data = new.file.create_dataset("clip", frames.shape, np.uint8, chunks=chunk, **COMPRESSED)
        for number, frame in enumerate(frames):
            data[number] = frame
    yield
    result = np.empty_like(frames)
    with open_hdf5(path) as file:
        for number in range(len(frames)):
            file["clip"].read_direct(result, np.s_[number], np.s_[number])
    yield


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stores", nargs="*", type=Path)
    parser.add_argument("--videos", nargs="*", type=Path, default=[])
    parser.add_argument("--frames", type=int, default=40)
    arguments = parser.parse_args()
    sources = [(path, from_store(path, arguments.frames)) for path in arguments.stores]
    sources += [
        (path, np.stack(list(islice(read_frames(path), arguments.frames)))) for path in arguments.videos
    ]
    with tempfile.TemporaryDirectory() as folder:
        for path, frames in sources:
            print(f"{path}: {len(frames)} of {frames.shape[2]}x{frames.shape[1]}, {frames.shape[3]} channels")
            times: dict[str, list[tuple[float, float]]] = {"lzf": [], "coding": []}
            sizes = {}
            for _ in range(ROUNDS):
                for name, variant in (("lzf", lzf), ("coding", coded)):
                    target = Path(folder, f"{name}.h5")
                    steps, marks = variant(frames, target), [time.process_time()]
                    for _step in steps:
                        marks.append(time.process_time())
                    times[name].append((marks[1] - marks[0], marks[2] - marks[1]))
                    sizes[name] = target.stat().st_size / frames.nbytes
            for name, measured in times.items():
                write, read = (1000 * median(column) / len(frames) for column in zip(*measured, strict=True))
                print(f"  {name:7} {100 * sizes[name]:5.1f} %   write {write:.2f} ms   read {read:.2f} ms")


if __name__ == "__main__":
    main()
