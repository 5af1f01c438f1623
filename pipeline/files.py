"""Atomic writes of files and folders, full disks, and seeds derived from names."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from pipeline.errors import PipelineError

REMEDIES = {
    errno.ENOSPC: "make room there",
    errno.EDQUOT: "make room within your quota there",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f)",
}
"""Errors of a write that finds no space, and the remedy for each."""

ABANDONED_SECONDS = 3 * 24 * 3600
"""Age from which another machine's unfinished file is abandoned; its writer cannot be looked up."""


class DiskFullError(PipelineError):
    """A file cannot be written for lack of space; the message gives its path, its size and the free space."""


@contextmanager
def atomic_path(target: Path | str, size: int | None = None) -> Iterator[Path]:
    """Yield a temporary path beside ``target``, which is renamed to ``target`` if the block succeeds.

    Two writers of one target do not interfere: each has its own temporary file, and the last rename wins.
    On an error the temporary file is deleted and ``target`` is unchanged. Leftovers of killed writers of
    ``target`` are removed first.

    Raises DiskFullError if there is no space; its message names ``size`` in bytes, if given.
    """
    target = Path(target)
    temporary = _temporary(target, target.suffix)
    with _space_for(target, temporary, size):
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(target)
        temporary.touch(exist_ok=False)
        yield temporary
        temporary.replace(target)


def write_whole(target: Path | str, content: bytes | bytearray | memoryview) -> None:
    """Write a file as ``atomic_path`` does. Raises DiskFullError."""
    with atomic_path(target, size=len(content)) as temporary:
        temporary.write_bytes(content)


@contextmanager
def scratch_folder(target: Path | str) -> Iterator[Path]:
    """Yield a new folder beside ``target``, on its file system, that is removed when the block ends.

    As in ``atomic_path``, leftovers of killed writers are removed first, and DiskFullError names ``target``
    unless the block raises an error of its own.
    """
    target = Path(target)
    temporary = _temporary(target, "")
    with _space_for(target, temporary, unchanged=PipelineError):
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(target)
        temporary.mkdir()
        yield temporary


@contextmanager
def atomic_folder(target: Path | str) -> Iterator[Path]:
    """Yield a new folder that is renamed to ``target``, absent or empty before, if the block succeeds."""
    target = Path(target)
    with scratch_folder(target) as scratch:
        content = scratch / "content"
        content.mkdir()
        yield content
        if target.is_dir():
            target.rmdir()
        content.rename(target)


def no_space(error: BaseException | None) -> OSError | None:
    """The full disk, exhausted quota or file size limit behind an error; None if there is none.

    External programs, and libraries that wrap the error, report it only as text.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in REMEDIES:
            return error
        for number in REMEDIES:
            if os.strerror(number) in str(error):
                return OSError(number, os.strerror(number))
        error = error.__cause__ or error.__context__
    return None


def disk_full(
    target: Path, cause: OSError, written: int | None = None, size: int | None = None
) -> DiskFullError:
    """The error for a ``target`` without space after ``written`` of ``size`` bytes, where these are known."""
    assert cause.errno is not None  # as of what ``no_space`` finds
    needed = "more" if written is None else f"more than {_readable(written)}"
    free = free_space(target) + (written or 0)
    return DiskFullError(
        f"{target}: {os.strerror(cause.errno)}: it needs {needed if size is None else _readable(size)}, and "
        f"{_readable(free)} are free for it; {REMEDIES[cause.errno]} and run the same command again, what is "
        "finished is kept"
    )


def free_space(path: Path) -> int:
    """Free bytes on the file system of a path, which need not exist yet."""
    path = path.absolute()
    return shutil.disk_usage(next(folder for folder in (path, *path.parents) if folder.is_dir())).free


def _readable(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.1f} kB"


@contextmanager
def _space_for(
    target: Path, temporary: Path, size: int | None = None, unchanged: type[PipelineError] = DiskFullError
) -> Iterator[None]:
    """Remove ``temporary`` at the end, and turn errors of a full disk into one that names ``target``.

    Errors of the type ``unchanged`` are passed on as they are.
    """
    try:
        yield
    except unchanged:
        raise
    except Exception as error:
        cause = no_space(error)
        if cause is None:
            raise
        raise disk_full(target, cause, _size(temporary), size) from error
    finally:
        _remove(temporary)


def _temporary(target: Path, suffix: str) -> Path:
    """A new hidden name beside ``target`` that identifies its writer's machine and process."""
    return target.with_name(f".{target.name}.{_machine()}-{os.getpid()}-{secrets.token_hex(4)}{suffix}")


def _remove_leftovers(target: Path) -> None:
    """Remove unfinished files and folders of ``target`` whose writers are dead."""
    pattern = re.compile(
        rf"\.{re.escape(target.name)}\.([0-9a-f]{{8}})-(\d+)-[0-9a-f]{{8}}({re.escape(target.suffix)})?"
    )
    for path in target.parent.iterdir():
        found = pattern.fullmatch(path.name)
        if found and _is_abandoned(path, found[1], int(found[2])):
            with suppress(PermissionError):  # belongs to another user
                _remove(path)


def _is_abandoned(path: Path, machine: str, process: int) -> bool:
    if machine == _machine():
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False
    try:
        return time.time() - path.stat().st_mtime > ABANDONED_SECONDS
    except FileNotFoundError:  # its writer has just finished
        return False


@cache
def _machine() -> str:
    """Identifies the scope of process numbers: one boot of a machine, or of a container on it."""
    parts = [platform.node()]
    for source in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        path = Path(source)
        try:
            parts.append(str(path.readlink()) if path.is_symlink() else path.read_text())
        except OSError:  # not Linux
            continue
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if file.is_file())


def seed_for(seed: int, *names: str) -> int:
    """A 63-bit seed for one purpose, independent of the order in which jobs run."""
    digest = hashlib.sha256("\0".join([str(seed), *names]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
