"""Members of archives, one by one: zip, tar in its compressions, rar by what this machine has for it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import IO, Literal

from pipeline.errors import PipelineError

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


def unpacked_size(archive: Path) -> int:
    """Bytes of all members as the archive declares them; its own size where only reading it would tell.

    Videos hardly shrink, so an archive's own size is about what it needs at least.
    """
    if not archive.is_file():
        raise ArchiveError("no such file")
    if archive.name.lower().endswith(".zip"):
        with zipfile.ZipFile(archive) as opened:
            return sum(info.file_size for info in opened.infolist())
    rarfile = None if archive.name.lower().endswith(TARS) else _rarfile()
    if rarfile:
        with _rar_errors(rarfile), rarfile.RarFile(archive) as opened:
            return sum(info.file_size or 0 for info in opened.infolist())
    return archive.stat().st_size


def read_members(archive: Path) -> Iterator[Member]:
    """Members in the order of the archive.

    Raises:
        ArchiveError: nothing here reads it, or it is broken. The libraries' own errors come as well.
    """
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
            yield Member(_zip_name(info), kind, partial(_copy, partial(archive.open, info)))


def _zip_name(info: zipfile.ZipInfo) -> str:
    """A member's name. Macs write UTF-8 without saying so, which zipfile then reads as code page 437."""
    # Not `filename`: it ends at the first zero byte.
    name = info.orig_filename
    try:
        return name if info.flag_bits & 0x800 else name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name


def _tar_members(open_archive: Callable[[], tarfile.TarFile]) -> Iterator[Member]:
    with open_archive() as archive:
        for info in archive:
            kind: Kind = "folder" if info.isdir() else "file" if info.isreg() else "other"
            yield Member(info.name, kind, partial(_copy, partial(archive.extractfile, info)))
        # The sums of gzip and xz stand behind the tar's own end; reading on to them is checking them.
        while archive.fileobj.read(1 << 20):
            pass


def _rar_members(path: Path) -> Iterator[Member]:
    """By rarfile with unrar, unar or 7-Zip, which know the whole format; else by libarchive's bsdtar."""
    rarfile = _rarfile()
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


def _rarfile() -> ModuleType | None:
    try:
        return importlib.import_module("rarfile")
    except ModuleNotFoundError:
        return None


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
