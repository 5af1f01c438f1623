"""The one place that opens HDF5 files: checksummed, without file locks, and safe where the disk is full.

Checksums: chunks carry Fletcher's (``CHECKED``), and the file format of HDF5 1.10 (``FORMAT``) carries
one in each piece of its own structure, attributes included.
Locks: none are taken, since not every shared file system has them. Files are renamed into place when they
are whole, so there is nothing to lock.
A full disk: HDF5 crashes at the end of a file that it could not flush, so it never learns of a failed write.
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
"""Oldest and newest version of HDF5 whose structures are written; older ones have no checksums."""

CHECKED: dict[str, Any] = {"fletcher32": True}
"""Arguments of ``create_dataset``; the checksum is that of a chunk as it lies in the file, compressed."""

COMPRESSED: dict[str, Any] = {"compression": "lzf", **CHECKED}


class NewFile:
    """A file that is being written; ``file`` is h5py's."""

    def __init__(self, target: Path, temporary: Path) -> None:
        self._target = target
        self._disk = _Disk(temporary)
        # Neither times nor the order of creation: equal content has equal bytes.
        self.file = h5py.File(self._disk, "w", libver=FORMAT, track_times=False, track_order=False)

    def check(self) -> None:
        """Raise the error of the first write that failed: DiskFullError where there was no space."""
        error = self._disk.error
        if error is None:
            return
        cause = no_space(error)
        if cause is None:
            raise error
        raise disk_full(self._target, cause, self._disk.size) from error

    def close(self) -> None:
        """Write the rest; raises as ``check``."""
        try:
            self.file.close()
        finally:
            self._disk.close()
            self.check()


@contextmanager
def create_hdf5(target: Path) -> Iterator[NewFile]:
    """An HDF5 file that appears when the block ends well (``files.atomic_path``).

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
    """An HDF5 file of a stage for reading. Raises DamagedError for a file that is none."""
    with reading(path):
        file = open_file(path)
    with file:
        yield file


def open_file(path: Path) -> h5py.File:
    """Anybody's HDF5 file for reading; HDF5's errors come as they are."""
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
    """Keep numbers and strings with a file, group or dataset.

    Strings of fixed length: those of any length lie in a part of the file without checksum.
    """
    for name, value in values.items():
        if isinstance(value, str):
            text = value.encode()
            item.attrs.create(name, text, dtype=h5py.string_dtype(length=max(1, len(text))))
        else:
            item.attrs[name] = value


def read_attributes(item: h5py.HLObject) -> dict[str, str | int | float]:
    """What ``write_attributes`` wrote, in plain types."""
    values = {}
    for name in item.attrs:  # not `items`: it gives None for what cannot be read
        value = item.attrs[name]
        plain = value.item() if isinstance(value, np.generic) else value
        values[name] = plain.decode() if isinstance(plain, bytes) else plain
    return values


class _Disk:
    """The file below HDF5: an error is kept, and from then on there is only the pretence of a file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=0)
        self.error: BaseException | None = None
        self.size = 0
        """Bytes of the file when the error came."""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        return self._try(lambda: self._file.seek(offset, whence), 0)

    def tell(self) -> int:
        """The place."""
        return self._try(self._file.tell, 0)

    def write(self, data: Any) -> int:
        """Write all of ``data``."""
        rest = memoryview(data).cast("B")
        while rest and self.error is None:
            rest = rest[self._try(partial(self._file.write, rest), 0) :]
        return len(data)

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer``, with zeros beyond the end."""
        view = memoryview(buffer).cast("B")
        count = self._try(lambda: self._file.readinto(view), 0) or 0
        view[count:] = bytes(len(view) - count)
        return len(view)

    def read(self, count: int = -1) -> bytes:
        """Never called; h5py takes an object without it for a path."""
        return self._file.read(count)

    def truncate(self, size: int) -> int:
        """Cut, or extend."""
        return self._try(lambda: self._file.truncate(size), size)

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _try(self, action: Callable[[], int], instead: int) -> int:
        """Do ``action`` unless something failed before; any exception, a signal's too, is kept for later."""
        if self.error is not None:
            return instead
        try:
            return action()
        except BaseException as error:
            self.error = error
            self.size = os.fstat(self._file.fileno()).st_size
            return instead
