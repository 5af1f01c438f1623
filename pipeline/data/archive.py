"""Data as it is published: UCF101.rar, hmdb51_org.rar (a rar of rars), split lists in archives.

Members are read one by one and written by this module alone, so what an archive says about paths, links
and permissions never reaches the file system unchecked.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import ModuleType
from typing import IO, Literal

from tqdm import tqdm

from pipeline.data.layout import VIDEO_SUFFIXES
from pipeline.errors import PipelineError
from pipeline.files import scratch_folder

TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
SUFFIXES = (".rar", ".zip", *TARS)
"""Endings of files that are taken for archives."""

SOLID_MEMBERS = 500
"""Members of the largest solid rar that is read: each one is reached by decompressing all before it."""

RAR_TOOLS = ("unrar", "unar", "7z", "7zz")
"""Programs that rarfile calls for compressed members; it reads stored ones itself."""

RAR_READERS = (
    "install the Python package rarfile (pip install rarfile) and one of unrar, unar or 7-Zip with rar "
    "support (apt-get install unar, or conda install -c conda-forge unrar), or bsdtar alone (apt-get install "
    "libarchive-tools); or unpack the archive yourself and give the folder"
)

Kind = Literal["file", "folder", "other"]


class ArchiveError(PipelineError):
    """An archive that cannot be read, or that must not be; the message says which member and what to do."""


@dataclass(frozen=True)
class Member:
    """One entry of an archive; ``copy`` writes its bytes to a file, before the next entry is asked for."""

    name: str
    kind: Kind
    copy: Callable[[IO[bytes]], None]


def is_archive(path: Path | None) -> bool:
    """Whether a path of the configuration is to be unpacked, rather than a folder to be read."""
    return path is not None and path.name.lower().endswith(SUFFIXES) and not path.is_dir()


def reader_problem(path: Path) -> str | None:
    """What to install where nothing here reads an archive; None for everything that can be read."""
    if not is_archive(path) or not path.name.lower().endswith(".rar"):
        return None
    if shutil.which("bsdtar") or (importlib.util.find_spec("rarfile") and any(map(shutil.which, RAR_TOOLS))):
        return None
    return f"nothing here reads rar: {RAR_READERS}"


def unpack_archive(archive: Path, folder: Path) -> None:
    """Unpack an archive, and archives inside of it, into a folder that appears when it is complete.

    An inner archive ``jump.rar`` becomes the folder ``jump``. Folders that hold everything else and no
    video (``UCF-101/``, ``ucfTrainTestlist/``) are left out of the paths.

    Args:
        archive: .rar, .zip or .tar (also compressed) file.
        folder: target; it must not hold anything yet.

    Raises:
        ArchiveError: it cannot be read here, is broken, or has a member with an absolute path, "..", a
            link, a device, or the path of another member.

    Source: docs/facts.md, section 1 (layout of the published archives).
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise ArchiveError(f"{folder}: holds files already; remove it to have {archive} unpacked again")
    with scratch_folder(folder) as temporary:
        content = temporary / "content"
        count = _unpack(archive, content, str(archive))
        for inner in sorted(path for path in content.rglob("*") if path.is_file() and is_archive(path)):
            label = f"{archive}: {inner.relative_to(content)}"
            count += _unpack(inner, _without_suffix(inner), label) - 1
            inner.unlink()
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


def _unpack(archive: Path, folder: Path, label: str) -> int:
    """Write all members below ``folder``; returns the number of files. Messages start with ``label``."""
    count = 0
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with closing(_members(archive)) as members:
            for member in tqdm(members, desc=archive.name, mininterval=5.0, unit="member"):
                # A folder's own entry may be "./".
                if member.kind == "folder" and PurePosixPath(member.name) == PurePosixPath():
                    continue
                target = folder / safe_path(member.name)
                if member.kind == "other":
                    raise ArchiveError(f"member {member.name!r} is a link or a device")
                if member.kind == "folder":
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as file:
                    member.copy(file)
                count += 1
    except ArchiveError as error:
        raise ArchiveError(f"{label}: {error}; nothing of it was kept") from error
    except (FileExistsError, NotADirectoryError) as error:
        path = Path(error.filename).relative_to(folder)
        raise ArchiveError(f"{label}: two members have the path {path}; nothing of it was kept") from error
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, RuntimeError) as error:
        # zipfile: RuntimeError for encrypted members, NotImplementedError (a kind of it) for methods.
        raise ArchiveError(f"{label}: broken or not readable ({error}); download it again") from error
    return count


def _members(archive: Path) -> Iterator[Member]:
    if not archive.is_file():
        raise ArchiveError("no such file")
    if archive.name.lower().endswith(".zip"):
        return _zip_members(archive)
    if archive.name.lower().endswith(TARS):
        return _tar_members(partial(tarfile.open, archive, "r:*"))
    return _rar_members(archive)


def _zip_members(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            kind: Kind = "folder" if info.is_dir() else "file"
            # The upper half of these attributes is a Unix mode, or zero.
            if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                kind = "other"
            # Not `filename`: it ends at the first zero byte.
            yield Member(info.orig_filename, kind, partial(_copy, partial(archive.open, info)))


def _tar_members(open_archive: Callable[[], tarfile.TarFile]) -> Iterator[Member]:
    with open_archive() as archive:
        for info in archive:
            kind: Kind = "folder" if info.isdir() else "file" if info.isreg() else "other"
            yield Member(info.name, kind, partial(_copy, partial(archive.extractfile, info)))


def _rar_members(path: Path) -> Iterator[Member]:
    """By rarfile with unrar, unar or 7-Zip, which know the whole format; else by libarchive's bsdtar."""
    try:
        rarfile = importlib.import_module("rarfile")
    except ModuleNotFoundError:
        rarfile = None
    if not (rarfile and _has_tool(rarfile)) and shutil.which("bsdtar"):
        yield from _bsdtar_members(path)
        return
    if not rarfile:
        raise ArchiveError(f"nothing here reads rar: {RAR_READERS}")
    with _rar_errors(rarfile), rarfile.RarFile(path) as archive:
        members = archive.infolist()
        if archive.is_solid() and len(members) > SOLID_MEMBERS:
            raise ArchiveError(
                f"a solid rar of {len(members)} members, which cannot be read one by one in reasonable time; "
                "unpack it yourself (unrar x) and give the folder"
            )
        for info in members:
            kind: Kind = "folder" if info.is_dir() else "file" if info.is_file() else "other"
            yield Member(info.filename, kind, partial(_copy_from_rar, rarfile, partial(archive.open, info)))


def _has_tool(rarfile: ModuleType) -> bool:
    try:
        rarfile.tool_setup(bsdtar=False, force=True)
    except rarfile.RarCannotExec:
        return False
    return True


def _copy_from_rar(rarfile: ModuleType, open_member: Callable[[], IO[bytes]], target: IO[bytes]) -> None:
    with _rar_errors(rarfile):
        _copy(open_member, target)


@contextmanager
def _rar_errors(rarfile: ModuleType) -> Iterator[None]:
    try:
        yield
    except rarfile.RarCannotExec as error:
        raise ArchiveError(f"no tool here unpacks rar: {RAR_READERS}") from error
    except rarfile.Error as error:
        raise ArchiveError(f"broken or not readable ({error}); download it again") from error


def _bsdtar_members(path: Path) -> Iterator[Member]:
    """libarchive turns what it reads into a tar on its standard output; nothing touches the disk.

    It reads less of the format than rarfile's tools (nothing solid), and checks no sums of stored members.
    """
    command = ["bsdtar", "-cf", "-", "--format=pax", f"@{path.resolve()}"]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
        try:
            yield from _tar_members(partial(tarfile.open, fileobj=process.stdout, mode="r|"))
            # What follows the end of the tar is padding.
            while process.stdout.read(1 << 16):
                pass
        finally:
            process.stdout.close()
            status = process.wait()
        if status:
            errors.seek(0)
            told = os.fsdecode(errors.read()).strip()[-500:]
            raise ArchiveError(f"bsdtar cannot read it ({told}); {RAR_READERS}")


def _copy(open_member: Callable[[], IO[bytes]], target: IO[bytes]) -> None:
    with open_member() as source:
        shutil.copyfileobj(source, target, 1 << 20)


def _without_suffix(path: Path) -> Path:
    ending = next(suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix))
    return path.with_name(path.name[: -len(ending)])


def _strip(folder: Path) -> Path:
    """The first folder downwards that holds more than one folder without videos."""
    while True:
        entries = list(folder.iterdir())
        if len(entries) != 1 or not entries[0].is_dir():
            return folder
        if any(path.suffix.lower() in VIDEO_SUFFIXES for path in entries[0].iterdir()):
            return folder
        folder = entries[0]
