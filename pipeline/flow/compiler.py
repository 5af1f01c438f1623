"""Compiles a C++ file once for this machine's CPU, into a cache that concurrent jobs can share.

Three environment variables: CXX is the compiler, RECOSR_MARCH the CPU to compile for (-march; default: this
machine's), RECOSR_CACHE the folder of the cache.
"""

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
from pipeline.files import atomic_path

# IEEE 754 arithmetic without fused multiply-add: the same result with every compiler and CPU
# (docs/decisions/0009-same-on-every-processor.md). The other two flags allow roots and branches to vectorise.
EXACT = ["-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
COMPILE = ["-std=c++17", "-O3", *EXACT, "-fPIC", "-shared"]
# First with wide vectors, for CPUs that have them; then without, for compilers that lack the flag.
TUNING = [["-march=native", "-mprefer-vector-width=512"], ["-march=native"], ["-mcpu=native"], []]


class CompilerError(PipelineError, RuntimeError):
    """There is no usable C++ compiler or cache folder; the message says what to do."""


def cache_folder() -> Path:
    """Folder of compiled code: ``$RECOSR_CACHE``, ``$XDG_CACHE_HOME/recosr`` or ``~/.cache/recosr``."""
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


def tunings() -> list[list[str]]:
    """Flags for a CPU, to be tried in turn: for ``$RECOSR_MARCH``, else for this machine's CPU."""
    named = os.environ.get("RECOSR_MARCH")
    return [[f"-march={named}"]] if named else TUNING


def cpu_identity() -> str:
    """The CPU's model and features, on which ``-march=native`` depends."""
    wanted = ("model name", "cpu family", "model", "flags", "Features", "CPU part")
    try:
        # Each processor has its own paragraph; all processors of a machine are the same.
        paragraph = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
        lines = [line for line in paragraph.splitlines() if line.split("\t")[0].strip() in wanted]
    except OSError:
        lines = []
    return "\n".join([platform.machine(), platform.processor(), *lines])


def compile_library(source: Path, folder: Path | None = None) -> Path:
    """Compile ``source`` into a shared library, unless it is in the cache, and return its path.

    The file name contains a hash of the source, its headers, flags, compiler and CPU, so different machines
    can share a cache folder. The file is renamed into place, so two jobs can compile at the same time.

    Raises:
        CompilerError: no compiler, the source does not compile, or the folder cannot be written.
    """
    folder = folder or cache_folder()
    compiler = find_compiler()
    version = subprocess.run([*compiler, "--version"], capture_output=True, text=True, check=False)
    code = [path.read_text() for path in (source, *sorted(source.parent.glob("*.h")))]
    identity = "\0".join([*code, *compiler, version.stdout, *COMPILE, repr(tunings()), cpu_identity()])
    target = folder / f"{source.stem}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.so"
    if target.exists():
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(target) as library:
            for tuning in tunings():
                command = [*compiler, *COMPILE, *tuning, str(source), "-o", str(library)]
                tried = subprocess.run(command, capture_output=True, text=True, check=False)
                if tried.returncode == 0:
                    break
            else:
                march = os.environ.get("RECOSR_MARCH")
                hint = (
                    f" for RECOSR_MARCH={march} (correct or unset it if there is no such CPU)"
                    if march
                    else ""
                )
                raise CompilerError(
                    f"{shlex.join(compiler)} cannot compile {source}{hint}:\n{tried.stderr[-2000:]}"
                )
    except OSError as error:
        raise CompilerError(
            f"cannot write compiled code to {folder}: {error}; set RECOSR_CACHE to a writable folder"
        ) from error
    return target


@functools.cache
def load_library(source: Path) -> ctypes.CDLL:
    """The compiled library of ``source``, loaded once per process.

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
