"""Members of archives, one by one: zip, tar in its compressions, rar by what this machine has for it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal

from pipeline.errors import PipelineError

TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
SUFFIXES = (".rar", ".zip", *TARS)
"""Endings of files that are taken for archives."""

SOLID_MEMBERS = 500
"""Members of the largest solid rar that is read: each one is reached by decompressing all before it."""

RAR_READERS = (
    "install one of unrar, unar or 7-Zip with rar support (apt-get install unar, or conda install -c "
    "conda-forge unrar), or bsdtar (apt-get install libarchive-tools); or unpack the archive yourself and "
    "give the folder"
)

Kind = Literal["file", "folder", "other"]


class ArchiveError(PipelineError):
    """An archive that cannot be read, or that must not be; the message says which member and what to do."""


@dataclass(frozen=True)
class Member:
    """One entry of an archive; ``open`` its bytes before the next entry is asked for."""

    name: str
    kind: Kind
    open: Callable[[], IO[bytes]]


def is_archive(path: Path | None) -> bool:
    """Whether a path of the configuration is to be unpacked, rather than a folder to be read."""
    return path is not None and path.name.lower().endswith(SUFFIXES) and not path.is_dir()


def reader_problem(path: Path) -> str | None:
    """What to install where nothing here reads an archive; None for everything that can be read."""
    if not is_archive(path) or not _is_rar(path) or shutil.which("bsdtar") or _rar_tool():
        return None
    return f"nothing here reads rar: {RAR_READERS}"


def unpacked_size(archive: Path) -> int:
    """Bytes of all members as the archive declares them; a tar's own size, as only reading it would tell.

    Videos hardly shrink, so an archive's own size is about what it needs at least.
    """
    if not archive.is_file():
        raise ArchiveError("no such file")
    if archive.name.lower().endswith(TARS):
        return archive.stat().st_size
    with _listed(archive) as opened:
        return sum(info.file_size or 0 for info in opened.infolist())


def read_members(archive: Path) -> Generator[Member, None, None]:
    """Members in the order of the archive. Raises ArchiveError, and the libraries' own errors.

    A rar is read by rarfile with unrar, unar or 7-Zip, which know the whole format; else by bsdtar.
    """
    if archive.name.lower().endswith(TARS):
        with tarfile.open(archive, "r:*") as opened:
            yield from _tar_members(opened)
    elif _is_rar(archive) and shutil.which("bsdtar") and not _rar_tool():
        yield from _bsdtar_members(archive)
    else:
        with _listed(archive) as opened:
            members = opened.infolist()
            if _is_rar(archive) and opened.is_solid() and len(members) > SOLID_MEMBERS:
                raise ArchiveError(
                    f"a solid rar of {len(members)} members, which cannot be read one by one in reasonable "
                    "time; unpack it yourself (unrar x) and give the folder"
                )
            for info in members:
                yield Member(_name(info), _kind(info), partial(opened.open, info))


def _is_rar(path: Path) -> bool:
    return path.name.lower().endswith(".rar")


def _rar_tool() -> bool:
    """Whether a program is here that rarfile calls for compressed members; it reads stored ones itself."""
    import rarfile

    try:
        # Of bsdtar it would start one for every member, and take a name such as a[b] for a pattern.
        rarfile.tool_setup(bsdtar=False, force=True)
    except rarfile.RarCannotExec:
        return False
    return True


def _listed(path: Path) -> Any:
    """A zip or a rar: libraries with one interface."""
    import rarfile  # here, because planning a run asks what an archive is

    return (rarfile.RarFile if _is_rar(path) else zipfile.ZipFile)(path)


def _kind(info: Any) -> Kind:
    if info.is_dir():
        return "folder"
    if not isinstance(info, zipfile.ZipInfo):
        return "file" if info.is_file() else "other"
    # The upper half of these attributes is a Unix mode, or zero.
    return "file" if stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG, stat.S_IFDIR) else "other"


def _name(info: Any) -> str:
    """A member's name. Macs write UTF-8 without saying so, which zipfile then reads as code page 437."""
    if not isinstance(info, zipfile.ZipInfo):
        return info.filename
    # Not `filename`: it ends at the first zero byte.
    name = info.orig_filename
    try:
        return name if info.flag_bits & 0x800 else name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name


def _tar_members(archive: tarfile.TarFile) -> Iterator[Member]:
    for info in archive:
        kind: Kind = "folder" if info.isdir() else "file" if info.isreg() else "other"
        yield Member(info.name, kind, partial(_content, archive, info))
    # The sums of gzip and xz stand behind the tar's own end; reading on to them is checking them.
    while archive.fileobj.read(1 << 20):
        pass


def _content(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(info)
    assert content is not None  # it is asked for files alone
    return content


def _bsdtar_members(path: Path) -> Iterator[Member]:
    """libarchive turns what it reads into a tar on its standard output; nothing touches the disk.

    It reads less of the format than rarfile's tools (nothing solid), and checks no sums of stored members.
    """
    command = ["bsdtar", "-cf", "-", "--format=pax", f"@{path.resolve()}"]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
        output = process.stdout
        assert output is not None  # a pipe
        try:
            with tarfile.open(fileobj=output, mode="r|") as opened:
                yield from _tar_members(opened)
            # What follows the end of the tar is padding.
            while output.read(1 << 16):
                pass
        finally:
            output.close()
            status = process.wait()
        if status:
            errors.seek(0)
            reason = os.fsdecode(errors.read()).strip()[-500:]
            raise ArchiveError(f"bsdtar cannot read it ({reason}); {RAR_READERS}")
