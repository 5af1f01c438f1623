"""The shard store: an HDF5 file per shard, with a dataset per clip and a checksummed chunk per frame.

Frames of any type and number of channels (RGB frames, quantised flow fields) are addressed by their original
number, so a store may contain only the frames that are read. Frames of 8 bits are stored as the differences
of pipeline.video.coding, (c, h, w); HDF5 sees them as compressed by its own deflate filter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np

from pipeline.errors import DamagedError, PipelineError
from pipeline.hdf5 import (
    CHECKED,
    COMPRESSED,
    DEFLATED,
    create_hdf5,
    open_hdf5,
    read_attributes,
    reading,
    write_attributes,
)
from pipeline.video.coding import decode, encode

CODING = "differences"
"""The attribute ``coding`` of the group of frames; stores of earlier versions lack it."""
GROWTH = 64
"""Number of frames by which a dataset of unknown length grows."""


class StoreError(PipelineError):
    """A store cannot be read or written as requested."""


class ShardWriter:
    """Writes a shard store; the file appears only if the block succeeds. Raises DiskFullError.

    Example: ``with ShardWriter(path) as writer: writer.add("Archery/v_Archery_g01_c01", frames)``
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._stack = ExitStack()

    def __enter__(self) -> ShardWriter:
        with ExitStack() as stack:
            self._new = stack.enter_context(create_hdf5(self.path))
            self._frames = self._new.file.create_group("frames")
            write_attributes(self._frames, {"coding": CODING})
            self._index = self._new.file.create_group("index")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def add(
        self, clip: str, frames: Iterable[np.ndarray], index: Sequence[int] | None = None, **attrs: Any
    ) -> int:
        """Store the frames of one clip and return their number.

        Args:
            clip: identifier, unique in the store; slashes make HDF5 groups.
            frames: arrays (h, w, c), all of one shape and type; any iterable, read once.
            index: original number of each frame, without repeats; by default 0, 1, 2, ...
            attrs: numbers or strings stored with the clip.

        Raises:
            StoreError: the clip exists, has no frames, frames differ in shape or type, or the index
                does not fit.
        """
        writer = self.start(clip)
        for frame in frames:
            writer.append(frame)
        writer.finish(index, **attrs)
        return writer.count

    def start(self, clip: str) -> ClipWriter:
        """Start a clip whose frames are appended one by one, for stages that fill two stores at once.

        Raises:
            StoreError: the clip exists.
        """
        if clip in self._frames:
            raise StoreError(f"{self.path}: clip {clip} is added twice")
        return ClipWriter(self, clip)


class ClipWriter:
    """A clip that is being written; ``finish`` completes it."""

    def __init__(self, shard: ShardWriter, clip: str) -> None:
        self.count = 0
        self._shard, self._clip = shard, clip
        self._dataset: h5py.Dataset | None = None
        self._shape: tuple[int, ...] = ()

    def append(self, frame: np.ndarray) -> None:
        """Store the next frame (h, w, c).

        Raises:
            StoreError: its shape or type differs from the first frame's.
        """
        if self._dataset is None:
            self._dataset = self._create(frame)
            self._shape = frame.shape
        dataset = self._dataset
        if frame.shape != self._shape or frame.dtype != dataset.dtype:
            raise StoreError(
                f"{self._shard.path}: frame {self.count} of clip {self._clip} is {frame.shape} "
                f"{frame.dtype}, but the first was {self._shape} {dataset.dtype}"
            )
        if self.count == len(dataset):
            dataset.resize(len(dataset) + GROWTH, axis=0)
        if dataset.dtype == np.uint8:
            dataset.id.write_direct_chunk((self.count, 0, 0, 0), encode(frame))
        else:
            dataset[self.count] = frame
        self._shard._new.check()
        self.count += 1

    def _create(self, frame: np.ndarray) -> h5py.Dataset:
        """The dataset for frames like ``frame``. Raises StoreError."""
        if frame.ndim != 3:
            raise StoreError(
                f"{self._shard.path}: frames of clip {self._clip} have shape {frame.shape}, "
                "expected (h, w, c)"
            )
        shape, filters = frame.shape, COMPRESSED
        if frame.dtype == np.uint8:
            shape, filters = (shape[2], *shape[:2]), DEFLATED
        return self._shard._frames.create_dataset(
            self._clip,
            shape=(GROWTH, *shape),
            maxshape=(None, *shape),
            chunks=(1, *shape),
            dtype=frame.dtype,
            **filters,
        )

    def finish(self, index: Sequence[int] | None = None, **attrs: Any) -> None:
        """Complete the clip with its frames' original numbers and its attributes.

        Raises:
            StoreError: there are no frames, or the index does not fit.
        """
        if self._dataset is None:
            raise StoreError(f"{self._shard.path}: clip {self._clip} has no frames")
        self._dataset.resize(self.count, axis=0)
        numbers = np.arange(self.count) if index is None else np.asarray(index, dtype=np.int64)
        if numbers.shape != (self.count,) or len(np.unique(numbers)) != self.count:
            raise StoreError(
                f"{self._shard.path}: clip {self._clip} has {self.count} frames, but the index names "
                f"{len(np.unique(numbers))} different ones: {_some(numbers)}"
            )
        self._shard._index.create_dataset(
            self._clip, data=numbers.astype(np.int32), chunks=(self.count,), **CHECKED
        )
        write_attributes(self._dataset, attrs)
        self._shard._new.check()


class ShardReader:
    """Reads a shard store.

    Damage raises DamagedError wherever it is detected. Stores of earlier versions, without checksums, are
    read without verification.
    Example: ``with ShardReader(path) as reader: frames = reader.read(clip, [0, 1, 5])``
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._stack = ExitStack()

    def __enter__(self) -> ShardReader:
        with ExitStack() as stack:
            file = stack.enter_context(open_hdf5(self.path))
            with reading(self.path):
                self._groups = {name: file[name] for name in ("frames", "index")}
                self._coded = "coding" in self._groups["frames"].attrs
            self._stack = stack.pop_all()
        self._rows: dict[str, dict[int, int]] = {}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @property
    def clips(self) -> list[str]:
        """Identifiers of the stored clips, sorted."""
        names: list[str] = []

        def collect(name: str, item: h5py.HLObject) -> None:
            if isinstance(item, h5py.Dataset):
                names.append(name)

        with reading(self.path):
            self._groups["frames"].visititems(collect)
        return sorted(names)

    def index(self, clip: str) -> np.ndarray:
        """Original numbers of the stored frames, in stored order."""
        dataset = self._dataset("index", clip)
        with reading(self.path):
            return dataset[:].astype(np.int64)

    def shape(self, clip: str) -> tuple[int, ...]:
        """Number of stored frames, height, width, channels."""
        dataset = self._dataset("frames", clip)
        count, *sides = dataset.shape
        return (count, *sides[1:], sides[0]) if self._is_coded(dataset) else (count, *sides)

    def attrs(self, clip: str) -> dict[str, Any]:
        """Attributes of the clip."""
        dataset = self._dataset("frames", clip)
        with reading(self.path):
            return read_attributes(dataset)

    def read(self, clip: str, numbers: Sequence[int]) -> np.ndarray:
        """Frames by their original numbers, in the given order, which may contain repeats.

        Returns:
            Array (n, h, w, c) of the stored type.

        Raises:
            StoreError: the clip or a frame is not stored.
        """
        dataset = self._dataset("frames", clip)
        if clip not in self._rows:
            self._rows[clip] = {int(number): row for row, number in enumerate(self.index(clip))}
        rows = self._rows[clip]
        missing = sorted({int(number) for number in numbers} - rows.keys())
        if missing:
            raise StoreError(
                f"{self.path}: clip {clip} lacks frames {_some(missing)}; stored are {_some(list(rows))}"
            )
        shape, coded = self.shape(clip)[1:], self._is_coded(dataset)
        result = np.empty((len(numbers), *shape), dataset.dtype)
        places: dict[int, int] = {}
        for place, number in enumerate(numbers):
            if int(number) in places:
                result[place] = result[places[int(number)]]
            else:
                row = rows[int(number)]
                with reading(self.path):
                    if coded:
                        chunk = dataset.id.read_direct_chunk((row, 0, 0, 0))[1]
                        result[place] = decode(chunk, *shape)
                    else:
                        dataset.read_direct(result, np.s_[row], np.s_[place])
                places[int(number)] = place
        return result

    def _is_coded(self, dataset: h5py.Dataset) -> bool:
        return self._coded and dataset.dtype == np.uint8

    def _dataset(self, group: str, clip: str) -> h5py.Dataset:
        try:
            item = self._groups[group][clip]
        except KeyError as error:
            # h5py raises the same error for a missing dataset and for one that cannot be opened.
            if clip in self.clips:
                raise DamagedError(self.path, error) from error
            item = None
        if not isinstance(item, h5py.Dataset):
            raise StoreError(f"{self.path}: no clip {clip}; stored are {_some(self.clips)}")
        return item


def _some(items: Sequence[Any] | np.ndarray, limit: int = 8) -> str:
    """The first few items, for messages."""
    shown = ", ".join(str(item) for item in items[:limit])
    return f"{shown}, ... ({len(items)} in all)" if len(items) > limit else shown or "none"
