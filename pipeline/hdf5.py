"""Opens all HDF5 files: with checksums, without file locks, and safely on a full disk.

Checksums: chunks have Fletcher's checksum (``CHECKED``) or zlib's (``DEFLATED``), and the file format of HDF5
1.10 (``FORMAT``) has one in each part of its structure, including attributes.
Locks: none are taken, because not every shared file system supports them. Files are renamed into place when
they are complete, so there is nothing to lock.
Full disk: HDF5 crashes when it closes a file that it could not flush, so failed writes are hidden from it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pipeline.errors import DamagedError, PipelineError
from pipeline.files import atomic_path, disk_full, no_space

FORMAT = ("v110", "v110")
"""Oldest and newest HDF5 version whose structures are written; older ones have no checksums."""

CHECKED: dict[str, Any] = {"fletcher32": True}
"""Arguments of ``create_dataset``; the checksum covers a chunk as it is stored, compressed."""

COMPRESSED: dict[str, Any] = {"compression": "lzf", **CHECKED}

DEFLATED: dict[str, Any] = {"compression": "gzip"}
"""zlib streams, which have a checksum of their content; for chunks that are written as they are stored."""


class NewFile:
    """A file that is being written; ``file`` is h5py's."""

    def __init__(self, target: Path, temporary: Path) -> None:
        self._target = target
        self._disk = _Disk(temporary)
        # No times and no creation order, so that equal content gives equal bytes.
        self.file = h5py.File(self._disk, "w", libver=FORMAT, track_times=False, track_order=False)

    def check(self) -> None:
        """Raise the error of the first failed write: DiskFullError if there was no space."""
        error = self._disk.error
        if error is None:
            return
        cause = no_space(error)
        if cause is None:
            raise error
        raise disk_full(self._target, cause, self._disk.size) from error

    def close(self) -> None:
        """Write what is buffered; raises like ``check``."""
        try:
            self.file.close()
        finally:
            self._disk.close()
            self.check()


@contextmanager
def create_hdf5(target: Path) -> Iterator[NewFile]:
    """An HDF5 file that appears if the block succeeds (``files.atomic_path``).

    Call ``check`` after each larger write. Raises DiskFullError.
    """
    with atomic_path(target) as temporary:
        new = NewFile(target, temporary)
        try:
            yield new
        finally:
            new.close()


@contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """Open a stage's HDF5 file for reading. Raises DamagedError if it is not an HDF5 file."""
    with reading(path):
        file = open_file(path)
    with file:
        yield file


def open_file(path: Path) -> h5py.File:
    """Open any HDF5 file for reading; errors of HDF5 are passed on."""
    return h5py.File(path, "r", locking=False)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn HDF5's errors, which have no common base, into a DamagedError that names the file."""
    try:
        yield
    except (PipelineError, FileNotFoundError, PermissionError, MemoryError):
        raise
    except Exception as error:
        raise DamagedError(path, error) from error


def write_attributes(item: h5py.HLObject, values: Mapping[str, str | int | float]) -> None:
    """Store numbers and strings as attributes of a file, group or dataset.

    Strings have a fixed length, because HDF5 stores variable-length strings without a checksum.
    """
    for name, value in values.items():
        if isinstance(value, str):
            text = value.encode()
            item.attrs.create(name, text, dtype=h5py.string_dtype(length=max(1, len(text))))
        else:
            item.attrs[name] = value


def read_attributes(item: h5py.HLObject) -> dict[str, str | int | float]:
    """Read attributes written by ``write_attributes``, as plain types."""
    values = {}
    for name in item.attrs:  # not `items`, which returns None for unreadable values
        value = item.attrs[name]
        plain = value.item() if isinstance(value, np.generic) else value
        values[name] = plain.decode() if isinstance(plain, bytes) else plain
    return values


class _Disk:
    """File object below HDF5. It keeps the first error, and afterwards only simulates a file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=0)
        self.error: BaseException | None = None
        self.size = 0
        """Size of the file in bytes when the error occurred."""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position."""
        return self._try(lambda: self._file.seek(offset, whence), 0)

    def tell(self) -> int:
        """The current position."""
        return self._try(self._file.tell, 0)

    def write(self, data: Any) -> int:
        """Write all of ``data``."""
        rest = memoryview(data).cast("B")
        while rest and self.error is None:
            rest = rest[self._try(partial(self._file.write, rest), 0) :]
        return len(data)

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer``; zeros beyond the end of the file."""
        view = memoryview(buffer).cast("B")
        count = self._try(lambda: self._file.readinto(view), 0) or 0
        view[count:] = bytes(len(view) - count)
        return len(view)

    def read(self, count: int = -1) -> bytes:
        """Never called; h5py treats an object without this method as a path."""
        return self._file.read(count)

    def truncate(self, size: int) -> int:
        """Cut or extend the file."""
        return self._try(lambda: self._file.truncate(size), size)

    def flush(self) -> None:
        """Do nothing: writes are unbuffered."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _try(self, action: Callable[[], int], instead: int) -> int:
        """Do ``action`` unless an earlier one failed; keep any exception, including a signal's, for later."""
        if self.error is not None:
            return instead
        try:
            return action()
        except BaseException as error:
            self.error = error
            self.size = os.fstat(self._file.fileno()).st_size
            return instead
