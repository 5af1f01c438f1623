"""Compile a C++ file for this machine's CPU, once, into a cache that concurrent jobs can share."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.files import atomic_path, scratch_folder

COMPILE = ["-std=c++17", "-O3", "-ffast-math", "-fPIC", "-c"]
# Wide vectors are worth asking for where the CPU has them; compilers that know no such flag follow.
TUNING = [["-march=native", "-mprefer-vector-width=512"], ["-march=native"], ["-mcpu=native"], []]


class CompilerError(PipelineError, RuntimeError):
    """No usable C++ compiler, or a cache folder that cannot be used; the message says what to do."""


def cache_folder() -> Path:
    """Where compiled code is kept: ``$RECOSR_CACHE``, ``$XDG_CACHE_HOME/recosr`` or ``~/.cache/recosr``."""
    if folder := os.environ.get("RECOSR_CACHE"):
        return Path(folder)
    if folder := os.environ.get("XDG_CACHE_HOME"):
        return Path(folder) / "recosr"
    return Path.home() / ".cache" / "recosr"


def find_compiler() -> list[str]:
    """The C++ compiler's command: ``$CXX`` (which may hold arguments), else c++, g++ or clang++.

    Raises:
        CompilerError: there is none.
    """
    if named := shlex.split(os.environ.get("CXX", "")):
        if shutil.which(named[0]) is None:
            raise CompilerError(f"CXX is {named[0]!r}, but there is no such program; correct or unset CXX")
        return named
    for name in ("c++", "g++", "clang++"):
        if shutil.which(name):
            return [name]
    raise CompilerError(
        "no C++ compiler found (looked for $CXX, c++, g++, clang++), but TV-L1 is compiled at first use; "
        "install one (Debian: apt-get install g++; conda: conda install cxx-compiler) or set CXX"
    )


def cpu_identity() -> str:
    """What ``-march=native`` depends on: the CPU's model and features."""
    wanted = ("model name", "cpu family", "model", "flags", "Features", "CPU part")
    try:
        # Each processor has its own paragraph; those of one machine are alike.
        paragraph = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
        lines = [line for line in paragraph.splitlines() if line.split("\t")[0].strip() in wanted]
    except OSError:
        lines = []
    return "\n".join([platform.machine(), platform.processor(), *lines])


def compile_library(source: Path, folder: Path | None = None) -> Path:
    """Compile ``source`` into a shared library and return its path; at once if that was done before.

    The file's name holds a hash of the source, the headers beside it, flags, compiler and CPU, so
    machines of different kinds can share a cache folder, and it appears by a rename, so two jobs can
    compile at the same time.

    Raises:
        CompilerError: no compiler, the source does not compile, or the folder cannot be written.
    """
    folder = folder or cache_folder()
    compiler = find_compiler()
    version = subprocess.run([*compiler, "--version"], capture_output=True, text=True, check=False)
    code = [path.read_text() for path in (source, *sorted(source.parent.glob("*.h")))]
    identity = "\0".join([*code, *compiler, version.stdout, *COMPILE, repr(TUNING), cpu_identity()])
    target = folder / f"{source.stem}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.so"
    if target.exists():
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(target) as library, scratch_folder(target) as scratch:
            compiled = scratch / "unit.o"
            for tuning in TUNING:
                tried = _run([*compiler, *COMPILE, *tuning, str(source), "-o", str(compiled)])
                if tried.returncode == 0:
                    break
            else:
                raise CompilerError(_failure(compiler, "compile", source, tried))
            # Linked without -ffast-math: with it, GCC adds code that switches the whole process to
            # flushing denormals, and so changes the results of everything else.
            linked = _run([*compiler, "-shared", str(compiled), "-o", str(library)])
            if linked.returncode:
                raise CompilerError(_failure(compiler, "link", source, linked))
    except OSError as error:
        raise CompilerError(
            f"cannot write compiled code to {folder}: {error}; set RECOSR_CACHE to a writable folder"
        ) from error
    return target


@functools.cache
def load_library(source: Path) -> ctypes.CDLL:
    """The compiled library of ``source``, loaded once a process.

    Raises:
        CompilerError: it cannot be compiled or loaded.
    """
    path = compile_library(source)
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise CompilerError(
            f"cannot load {path}: {error}; delete it, or set RECOSR_CACHE to a folder on a file system "
            "that allows programs (not mounted noexec)"
        ) from error


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _failure(compiler: list[str], verb: str, source: Path, result: subprocess.CompletedProcess[str]) -> str:
    return f"{shlex.join(compiler)} cannot {verb} {source}:\n{result.stderr[-2000:]}"
