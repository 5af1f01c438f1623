"""Data as it is published: UCF101.rar, hmdb51_org.rar (a rar of rars), split lists in archives.

Members are read one by one and written by this module alone, so what an archive says about paths, links
and permissions never reaches the file system unchecked, and the disk is never filled.
"""

from __future__ import annotations

import re
import shutil
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from lzma import LZMAError
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

import rarfile
from tqdm import tqdm

from pipeline.data.members import (
    RAR_READERS,
    SUFFIXES,
    ArchiveError,
    Member,
    is_archive,
    read_members,
    unpacked_size,
)
from pipeline.data.names import is_junk, is_video
from pipeline.files import no_space, scratch_folder
from pipeline.video.pictures import is_picture

RESERVE, RESERVED_SHARE = 1 << 30, 50
"""Bytes of the disk that stay free; of a small disk one part in so many."""

BROKEN = (zipfile.error, tarfile.TarError, rarfile.Error, zlib.error, LZMAError, EOFError, RuntimeError)
"""What libraries raise; zipfile RuntimeError for encrypted members, and a kind of it for unknown methods."""

README = re.compile(r"(readme|licen[cs]e|copying)(\.\w+)?", re.IGNORECASE)
"""Files beside the folder that holds everything."""


def unpack_archive(archive: Path, folder: Path) -> None:
    """Unpack an archive, and archives inside of it, into a folder that appears when it is complete.

    An inner archive ``jump.rar`` becomes the folder ``jump``. Folders that hold everything else and no
    video (``UCF-101/``, ``ucfTrainTestlist/``) are left out of the paths, and so is what systems add
    (``__MACOSX``, ``._clip.avi``).

    Args:
        archive: .rar, .zip or .tar (also compressed) file.
        folder: target; it must not hold anything yet.

    Raises:
        ArchiveError: it cannot be read here, is broken, needs more space than the disk has, or has a member
            with an absolute path, "..", a link, a device, or the path of another member.

    Source: docs/facts.md, section 1 (layout of the published archives).
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise ArchiveError(f"{folder}: holds files already; remove it to have {archive} unpacked again")
    with scratch_folder(folder) as temporary:
        content = temporary / "content"
        disk = _Disk(folder)
        count = _unpack(archive, content, str(archive), disk)
        inner = sorted(path for path in content.rglob("*") if path.is_file() and is_archive(path))
        with _readable(f"{archive}: the archives in it", content):
            disk.require(_peak(inner))
        for path in inner:
            label = f"{archive}: {path.relative_to(content)}"
            count += _unpack(path, _without_suffix(path), label, disk) - 1
            path.unlink()
        if folder.is_dir():
            folder.rmdir()
        _strip(content).rename(folder)
    print(f"{archive}: {count} files in {folder}", file=sys.stderr)


def safe_path(name: str) -> PurePosixPath:
    """A member's path below the target folder; "/" and "\\" both part folders.

    Raises:
        ArchiveError: the path is empty, absolute, has a drive, or has "..".
    """
    path = PureWindowsPath(name)
    if path.anchor or ".." in path.parts or not path.parts or "\0" in name:
        raise ArchiveError(f"member {name!r} would leave the folder")
    return PurePosixPath(*path.parts)


class _Disk:
    """The disk that an archive is unpacked to; a part of it stays free.

    What an archive declares is checked first, and what comes out of it at every write: compressed tars
    declare nothing, and an archive may declare what it likes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.needed = self.written = 0

    def require(self, more: int) -> None:
        """Check that so many more bytes fit.

        Raises:
            ArchiveError: they do not.
        """
        self.needed = max(self.needed, self.written + more)
        free, reserve = self._room()
        if more + reserve > free:
            raise ArchiveError(self.full())

    def full(self) -> str:
        """One line for a disk that is too small: folder, what is needed, what is free."""
        free, reserve = self._room()
        written = f" ({_size(self.written)} of them written)" if self.written else ""
        return (
            f"at least {_size(self.needed)} are needed in {self.folder}{written}, but {_size(free)} "
            f"are free, {_size(reserve)} of which stay free; make room"
        )

    def copy(self, source: IO[bytes], file: IO[bytes]) -> None:
        """Write what is read, checking each block against the disk."""
        while block := source.read(1 << 20):
            self.require(len(block))
            self.written += len(block)
            file.write(block)

    def _room(self) -> tuple[int, int]:
        """Bytes that are free, and those of them that stay free."""
        usage = shutil.disk_usage(self.folder.parent)
        return usage.free, min(RESERVE, usage.total // RESERVED_SHARE)


def _unpack(archive: Path, folder: Path, label: str, disk: _Disk) -> int:
    """Write all members below ``folder``; returns the number of files. Messages start with ``label``."""
    count = 0
    folder.mkdir(parents=True, exist_ok=True)
    with _readable(label, folder):
        disk.require(unpacked_size(archive))
        with closing(read_members(archive)) as members:
            for member in tqdm(members, desc=archive.name, mininterval=5.0, unit="member"):
                # A folder's own entry may be "./".
                if member.kind == "folder" and PurePosixPath(member.name) == PurePosixPath():
                    continue
                path = safe_path(member.name)
                if any(map(is_junk, path.parts)):
                    continue
                count += _write(member, folder / path, disk)
    return count


def _write(member: Member, target: Path, disk: _Disk) -> int:
    """Write one member; returns the number of files."""
    if member.kind == "other":
        raise ArchiveError(f"member {member.name!r} is a link or a device")
    try:
        if member.kind == "folder":
            target.mkdir(parents=True, exist_ok=True)
            return 0
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file, member.open() as source:
            disk.copy(source, file)
    except OSError as error:
        if (cause := no_space(error)) is None:
            raise
        raise ArchiveError(f"member {member.name!r}: {cause.strerror}: {disk.full()}") from error
    return 1


@contextmanager
def _readable(label: str, folder: Path) -> Iterator[None]:
    """What goes wrong with an archive that is unpacked into a folder, in one line that names it."""
    try:
        yield
    except ArchiveError as error:
        raise ArchiveError(f"{label}: {error}; nothing of it was kept") from error
    except (FileExistsError, NotADirectoryError) as error:
        path = Path(error.filename).relative_to(folder)
        raise ArchiveError(f"{label}: two members have the path {path}; nothing of it was kept") from error
    except rarfile.RarCannotExec as error:
        raise ArchiveError(f"{label}: nothing here reads rar: {RAR_READERS}") from error
    except OSError as error:
        if error.filename:
            raise
        if error.errno:
            raise ArchiveError(f"{label}: {error}; nothing of it was kept") from error
        # Of gzip and bz2, for what they read.
        raise ArchiveError(f"{label}: broken or not readable ({error}); download it again") from error
    except BROKEN as error:
        raise ArchiveError(f"{label}: broken or not readable ({error}); download it again") from error


def _peak(archives: list[Path]) -> int:
    """Bytes that archives need while one after the other is unpacked and removed."""
    used = peak = 0
    for path in archives:
        used += unpacked_size(path)
        peak = max(peak, used)
        used -= path.stat().st_size
    return peak


def _size(number: int) -> str:
    return f"{number / 1e9:.2f} GB" if number >= 1e9 else f"{number / 1e6:.2f} MB"


def _without_suffix(path: Path) -> Path:
    ending = next(suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix))
    return path.with_name(path.name[: -len(ending)])


def _strip(folder: Path) -> Path:
    """The first folder downwards that holds more than one folder without videos, and a README of it."""
    while True:
        entries = [path for path in folder.iterdir() if path.is_dir() or not README.fullmatch(path.name)]
        if len(entries) != 1 or not entries[0].is_dir():
            return folder
        inside = list(entries[0].iterdir())
        if any(is_video(path.name) or (path.is_dir() and _has_pictures(path)) for path in inside):
            return folder
        folder = entries[0]


def _has_pictures(folder: Path) -> bool:
    return any(is_picture(path.name) for path in folder.iterdir())
