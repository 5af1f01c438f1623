"""What users' files hold, as hashes: read once, then remembered by path, size and times.

Time stamps say little of files that people copy, restore or replace, so the rules name contents. A memory of
the hashes in the output folder spares reading gigabytes at each start.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from tqdm import tqdm

from pipeline.errors import PipelineError
from pipeline.files import atomic_path

SHOWN = 200_000_000
"""Bytes to be read from which a progress bar is shown."""

THREADS = 4
"""Files read at once: hashing leaves Python's lock, and network file systems answer better."""


class ContentError(PipelineError):
    """A user's file that cannot be read; the message names it."""


def content_hash(path: Path) -> str:
    """Hash of a file's bytes, 32 hexadecimal digits.

    Raises:
        ContentError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, partial(hashlib.blake2b, digest_size=16)).hexdigest()
    except OSError as error:
        raise ContentError(f"{path}: cannot be read ({error.strerror}); make it readable") from error


class Contents:
    """Hashes of files by path, remembered in a JSON file; a file whose size or times changed is read again.

    Example: ``Contents(Path("results/.contents.json")).hashes([path])``
    """

    def __init__(self, memory: Path, create: bool = True) -> None:
        """``create``: also where the memory's folder is not there yet."""
        self.memory, self.create = memory, create
        self._known: dict[str, list[int | str]] = _read(memory)

    def hashes(self, paths: Iterable[Path]) -> dict[Path, str]:
        """Hash of each file's bytes.

        Raises:
            ContentError: a file cannot be read.
        """
        found: dict[Path, str] = {}
        stale: dict[Path, list[int]] = {}
        for path in paths:
            marks = _marks(path)
            known = self._known.get(str(path))
            if known and known[:-1] == marks:
                found[path] = str(known[-1])
            else:
                stale[path] = marks
        total = sum(marks[0] for marks in stale.values())
        with (
            ThreadPoolExecutor(THREADS) as pool,
            tqdm(desc="read data", total=total, unit="B", unit_scale=True, disable=total < SHOWN) as bar,
        ):
            for (path, marks), digest in zip(stale.items(), pool.map(content_hash, stale), strict=True):
                found[path] = digest
                self._known[str(path)] = [*marks, digest]
                bar.update(marks[0])
        if stale:
            self._save()
        return found

    def hash(self, path: Path) -> str:
        """Hash of one file's bytes; with the index of a TensorFlow checkpoint, of the data beside it."""
        parts = [path]
        if path.suffix == ".index":
            parts += sorted(path.parent.glob(f"{path.stem}.data-*"))
        return " ".join(self.hashes(parts).values())

    def _save(self) -> None:
        """Where nothing can be written, a plan is still good; the next one reads the files again."""
        if not self.create and not self.memory.parent.is_dir():
            return
        with suppress(OSError), atomic_path(self.memory) as temporary:
            temporary.write_text(json.dumps(self._known), encoding="utf-8")


def _marks(path: Path) -> list[int]:
    """What changes when a file is written, replaced or touched: size, both times in nanoseconds, inode."""
    try:
        status = path.stat()
    except OSError as error:
        raise ContentError(f"{path}: cannot be read ({error.strerror}); make it readable") from error
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _read(memory: Path) -> dict[str, list[int | str]]:
    """A memory that cannot be read is none: the files are read again."""
    try:
        content = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {path: known for path, known in content.items() if isinstance(known, list)}
