"""Files and folders that appear whole or not at all, and seeds that depend on names."""

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
"""Errors of a write that finds no space, and what helps."""

ABANDONED_SECONDS = 3 * 24 * 3600
"""Age at which another machine's unfinished file, whose writer cannot be looked up, counts as left behind."""


class DiskFullError(PipelineError):
    """A file that found no space; the message says which, what it needs and what is free."""


@contextmanager
def atomic_path(target: Path | str, size: int | None = None) -> Iterator[Path]:
    """Yield a path beside ``target`` that becomes ``target`` when the block ends well.

    Two writers of one target cannot mix: each has its own temporary file and the last rename wins.
    On an error the temporary file is deleted and ``target`` stays as it was. What a killed writer of
    ``target`` left behind is removed first.

    Raises DiskFullError where there is no space; ``size``, if it is known, are the bytes that it names.
    """
    target = Path(target)
    temporary = _temporary(target, target.suffix)
    with _space_for(target, temporary, size):
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(target)
        temporary.touch(exist_ok=False)
        yield temporary
        temporary.replace(target)


def write_whole(target: Path | str, content: bytes | memoryview) -> None:
    """Write a file as ``atomic_path`` does. Raises DiskFullError."""
    with atomic_path(target, size=len(content)) as temporary:
        temporary.write_bytes(content)


@contextmanager
def scratch_folder(target: Path | str) -> Iterator[Path]:
    """Yield a new folder beside ``target``, on its file system, that is removed when the block ends.

    As with ``atomic_path`` a killed predecessor's is removed first, and DiskFullError names ``target`` unless
    the block says itself what is wrong.
    """
    target = Path(target)
    temporary = _temporary(target, "")
    with _space_for(target, temporary, told=PipelineError):
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(target)
        temporary.mkdir()
        yield temporary


@contextmanager
def atomic_folder(target: Path | str) -> Iterator[Path]:
    """Yield a new folder that becomes ``target``, absent or empty before, when the block ends well."""
    target = Path(target)
    with scratch_folder(target) as scratch:
        content = scratch / "content"
        content.mkdir()
        yield content
        if target.is_dir():
            target.rmdir()
        content.rename(target)


def no_space(error: BaseException | None) -> OSError | None:
    """The full disk, exhausted quota or limit on file sizes behind an error; None if there is none.

    Programs that are called, and libraries that wrap what happened, only tell it in words.
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
    """The error of a ``target`` that finds no space after ``written`` bytes of ``size``, as far as known."""
    assert cause.errno is not None  # as of what ``no_space`` finds
    needed = "more" if written is None else f"more than {_readable(written)}"
    free = free_space(target) + (written or 0)
    return DiskFullError(
        f"{target}: {os.strerror(cause.errno)}: it needs {needed if size is None else _readable(size)}, and "
        f"{_readable(free)} are free for it; {REMEDIES[cause.errno]} and run the same command again, what is "
        "finished is kept"
    )


def free_space(path: Path) -> int:
    """Bytes that are free on the file system of a file that may not be there yet."""
    path = path.absolute()
    return shutil.disk_usage(next(folder for folder in (path, *path.parents) if folder.is_dir())).free


def _readable(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.1f} kB"


@contextmanager
def _space_for(
    target: Path, temporary: Path, size: int | None = None, told: type[PipelineError] = DiskFullError
) -> Iterator[None]:
    """Remove ``temporary`` at the end, and turn errors of a full disk into one that names ``target``.

    Errors of the type ``told`` stay as they are.
    """
    try:
        yield
    except told:
        raise
    except Exception as error:
        cause = no_space(error)
        if cause is None:
            raise
        raise disk_full(target, cause, _size(temporary), size) from error
    finally:
        _remove(temporary)


def _temporary(target: Path, suffix: str) -> Path:
    """A new hidden name beside ``target`` that tells machine and process of its writer."""
    return target.with_name(f".{target.name}.{_machine()}-{os.getpid()}-{secrets.token_hex(4)}{suffix}")


def _remove_leftovers(target: Path) -> None:
    """Remove unfinished files and folders of ``target`` whose writers are dead."""
    pattern = re.compile(
        rf"\.{re.escape(target.name)}\.([0-9a-f]{{8}})-(\d+)-[0-9a-f]{{8}}({re.escape(target.suffix)})?"
    )
    for path in target.parent.iterdir():
        found = pattern.fullmatch(path.name)
        if found and _is_abandoned(path, found[1], int(found[2])):
            with suppress(PermissionError):  # another user's
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
    """Names what process numbers are valid in: one start of a machine, or of a container on it."""
    parts = [platform.node()]
    for source in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        path = Path(source)
        try:
            parts.append(str(path.readlink()) if path.is_symlink() else path.read_text())
        except OSError:  # no Linux
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
