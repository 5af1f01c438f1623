"""Content hashes of users' files and folders of pictures, cached by path, size and time stamps.

Time stamps are unreliable for files that people copy, restore or replace, so the rules use content hashes.
A cache in the output folder avoids reading gigabytes at each start.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from pipeline.errors import PipelineError
from pipeline.files import atomic_path
from pipeline.video.pictures import picture_files

SHOWN = 200_000_000
"""Show a progress bar from this many bytes on."""

THREADS = 4
"""Files read in parallel: hashing releases the GIL, and network file systems serve several readers better."""


class ContentError(PipelineError):
    """A user's file cannot be read; the message names it."""


def content_hash(path: Path) -> str:
    """Hash of a file's bytes, 32 hexadecimal digits; for a folder, of names and bytes of its pictures.

    Raises:
        ContentError: the file cannot be read.
    """
    try:
        if path.is_dir() and (pictures := picture_files(path)):
            return _digest([[picture.name, content_hash(picture)] for picture in pictures])
        with path.open("rb") as file:
            return hashlib.file_digest(file, partial(hashlib.blake2b, digest_size=16)).hexdigest()
    except OSError as error:
        raise ContentError(f"{path}: cannot be read ({error.strerror}); make it readable") from error


class Contents:
    """Hashes of files by path, cached in a JSON file; a file whose size or times changed is read again.

    Example: ``Contents(Path("results/.contents.json")).hashes([path])``
    """

    def __init__(self, memory: Path, create: bool = True) -> None:
        """``create``: write the cache even if its folder does not exist yet."""
        self.memory, self.create = memory, create
        self._known: dict[str, list[int | str]] = _read(memory)

    def hashes(self, paths: Iterable[Path]) -> dict[Path, str]:
        """Hash of each file's bytes, or of the pictures of a folder.

        Raises:
            ContentError: a file cannot be read.
        """
        found: dict[Path, str] = {}
        stale: dict[Path, list[int | str]] = {}
        for path in paths:
            marks = _marks(path)
            known = self._known.get(str(path))
            if known and known[:-1] == marks:
                found[path] = str(known[-1])
            else:
                stale[path] = marks
        total = sum(int(marks[0]) for marks in stale.values())
        with (
            ThreadPoolExecutor(THREADS) as pool,
            tqdm(desc="read data", total=total, unit="B", unit_scale=True, disable=total < SHOWN) as bar,
        ):
            for (path, marks), digest in zip(stale.items(), pool.map(content_hash, stale), strict=True):
                found[path] = digest
                self._known[str(path)] = [*marks, digest]
                bar.update(int(marks[0]))
        if stale:
            self._save()
        return found

    def hash(self, path: Path) -> str:
        """Hash of one file's bytes; for the index of a TensorFlow checkpoint, also of its data files."""
        parts = [path]
        if path.suffix == ".index":
            parts += sorted(path.parent.glob(f"{path.stem}.data-*"))
        return " ".join(self.hashes(parts).values())

    def _save(self) -> None:
        """Write the cache. If that fails, the plan is still valid, and the next one reads the files again."""
        if not self.create and not self.memory.parent.is_dir():
            return
        with suppress(OSError), atomic_path(self.memory) as temporary:
            temporary.write_text(json.dumps(self._known), encoding="utf-8")


def _marks(path: Path) -> list[int | str]:
    """Values that change when a file is written, replaced or touched: size, both times in ns, inode.

    For a folder of pictures: their size together, and one digest of all these values.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode) and (files := picture_files(path)):
            pictures = {picture.name: _marks(picture) for picture in files}
            return [sum(int(marks[0]) for marks in pictures.values()), _digest(list(pictures.items()))]
    except OSError as error:
        raise ContentError(f"{path}: cannot be read ({error.strerror}); make it readable") from error
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _digest(value: list[Any]) -> str:
    return hashlib.blake2b(json.dumps(value).encode(), digest_size=16).hexdigest()


def _read(memory: Path) -> dict[str, list[int | str]]:
    """The cached hashes; empty if the cache cannot be read, so that the files are read again."""
    try:
        content = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {path: known for path, known in content.items() if isinstance(known, list)}
