"""The HDF5 file of training patches, written patch by patch."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import TracebackType

import h5py
import numpy as np

from pipeline.config import SCALE

PARTS = ("train", "validation")


class PatchWriter:
    """Appends patches to the groups ``train`` and ``validation`` of an HDF5 file.

    Each group holds, sample by sample (a chunk each, lzf): ``hr`` uint8, ``lr`` uint8, ``flow`` float16
    (S, S, 2) in HR pixels, and where each comes from: ``video`` (name), ``frame``, ``x``, ``y`` (HR pixels).
    ``sosr``: hr (S, S, 3), lr (S/4, S/4, 3). ``tosr``: hr (2, S, S, 3), lr (2, neighbours, S/4, S/4, 3) and
    ``padded`` (2, neighbours) bool: True for the zero frames beyond the ends of the video.
    """

    def __init__(self, path: Path, kind: str, size: int, neighbours: int) -> None:
        self.file = h5py.File(path, "w")
        self.counts = dict.fromkeys(PARTS, 0)
        self.digest = hashlib.sha256()
        small = size // SCALE
        pair, around = ((2,), (2, neighbours)) if kind == "tosr" else ((), ())
        shapes = {
            "hr": (np.uint8, (*pair, size, size, 3)),
            "lr": (np.uint8, (*around, small, small, 3)),
            "flow": (np.float16, (size, size, 2)),
        }
        if kind == "tosr":
            shapes["padded"] = (np.bool_, around)
        for part in PARTS:
            group = self.file.create_group(part)
            for name, (dtype, shape) in shapes.items():
                group.create_dataset(
                    name, (0, *shape), dtype, maxshape=(None, *shape), chunks=(1, *shape), compression="lzf"
                )
            for name, dtype in (
                ("video", h5py.string_dtype()), ("frame", np.int32), ("x", np.int32), ("y", np.int32),
            ):  # fmt: skip
                group.create_dataset(name, (0,), dtype, maxshape=(None,), chunks=(1024,))

    def append(self, part: str, samples: list[dict]) -> None:
        """Add ``samples``, each with every dataset of the group, to ``part``."""
        if not samples:
            return
        group, first = self.file[part], self.counts[part]
        for name, dataset in group.items():
            values = [sample[name] for sample in samples]
            dataset.resize(first + len(samples), axis=0)
            dataset[first:] = values if name == "video" else np.stack(values)
            self.digest.update(name.encode())
            self.digest.update("\0".join(values).encode() if name == "video" else np.stack(values).tobytes())
        self.counts[part] += len(samples)

    def finish(self, **attributes: str | int | float) -> None:
        """Write the attributes, and with them the digest of all patches."""
        self.file.attrs.update({"digest": self.digest.hexdigest(), **attributes})

    def __enter__(self) -> PatchWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()
