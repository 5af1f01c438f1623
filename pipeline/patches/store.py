"""The HDF5 file of training patches, written patch by patch."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import h5py
import numpy as np

from pipeline.hdf5 import CHECKED, COMPRESSED, create_hdf5, write_attributes

PARTS = ("train", "validation")


class PatchWriter:
    """Appends patches to the groups ``train`` and ``validation`` of an HDF5 file, which appears at the end.

    Each group holds, sample by sample (a chunk each, lzf): ``hr`` uint8, ``lr`` uint8, ``flow`` float16
    (S, S, 2) in HR pixels, and where each comes from: ``video`` (name), ``frame``, ``x``, ``y`` (HR pixels).
    All of it has checksums.
    ``sosr``: hr (S, S, 3), lr (s, s, 3). ``tosr``: hr (2, S, S, 3), lr (2, neighbours, s, s, 3) and
    ``padded`` (2, neighbours) bool: True for the zero frames beyond the ends of the video.
    s is S over the scale. Raises DiskFullError.
    """

    def __init__(self, path: Path, kind: str, size: int, neighbours: int, scale: int = 4) -> None:
        self.path, self.kind, self.size, self.neighbours = path, kind, size, neighbours
        self.small = size // scale
        self.videos: dict[str, list[str]] = {part: [] for part in PARTS}
        self.digest = hashlib.sha256()
        self._stack = ExitStack()

    def __enter__(self) -> PatchWriter:
        with ExitStack() as stack:
            self._new = stack.enter_context(create_hdf5(self.path))
            self._create_datasets(self._new.file)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def _create_datasets(self, file: h5py.File) -> None:
        kind, size, neighbours, small = self.kind, self.size, self.neighbours, self.small
        pair, around = ((2,), (2, neighbours)) if kind == "tosr" else ((), ())
        shapes: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
            "hr": (np.uint8, (*pair, size, size, 3)),
            "lr": (np.uint8, (*around, small, small, 3)),
            "flow": (np.float16, (size, size, 2)),
        }
        if kind == "tosr":
            shapes["padded"] = (np.bool_, around)
        for part in PARTS:
            group = file.create_group(part)
            for name, (dtype, shape) in shapes.items():
                group.create_dataset(
                    name, (0, *shape), dtype, maxshape=(None, *shape), chunks=(1, *shape), **COMPRESSED
                )
            for name in ("frame", "x", "y"):
                group.create_dataset(name, (0,), np.int32, maxshape=(None,), chunks=(1024,), **CHECKED)

    def append(self, part: str, samples: list[dict]) -> None:
        """Add ``samples``, each with every dataset of the group, to ``part``."""
        if not samples:
            return
        group, videos = self._new.file[part], self.videos[part]
        first = len(videos)
        for name in sorted(samples[0]):
            values = [sample[name] for sample in samples]
            self.digest.update(name.encode())
            if name == "video":
                videos += values
                self.digest.update("\0".join(values).encode())
                continue
            dataset, arrays = group[name], np.stack(values)
            dataset.resize(first + len(samples), axis=0)
            dataset[first:] = arrays
            self.digest.update(arrays.tobytes())
            self._new.check()

    def finish(self, **attributes: str | int | float) -> None:
        """Write the names of the videos and the attributes, and with them the digest of all patches."""
        for part, videos in self.videos.items():
            # Fixed length, because HDF5 stores variable-length strings without a checksum.
            names = np.array([video.encode() for video in videos], "S")
            chunks = (max(1, len(videos)),)
            group = self._new.file[part]
            group.create_dataset("video", data=names, maxshape=(None,), chunks=chunks, **CHECKED)
        write_attributes(self._new.file, {"digest": self.digest.hexdigest(), **attributes})
