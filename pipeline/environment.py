"""The version of the code, and the machine, packages and programs of this process."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import imageio_ffmpeg

from pipeline.files import atomic_path
from pipeline.flow.compiler import COMPILE, CompilerError, find_compiler, tunings
from pipeline.version import VERSION

FOLDER = "RECOSR_PROVENANCE"
"""Environment variable with the folder in which a run's jobs describe their machines."""

ROOT = Path(__file__).parent.parent
SOURCES = ("pipeline", "rules", "Snakefile")
"""What results depend on in a checkout; an installed package has all of it in the first (places.py)."""

SETTINGS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES"),
    *("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "CXX", "RECOSR_MARCH"),
)
"""Environment variables that choose code paths or affect speed."""

INSTRUCTIONS = (
    *("sse4_2", "avx", "f16c", "fma", "avx2", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni"),
    *("avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "asimd", "sve", "sve2", "bf16"),
)
"""Instruction sets by which numeric libraries choose their code, as Linux names them."""


def code() -> dict[str, Any]:
    """Version of this code: of the package, the commit, whether files differ from it, a hash of all files.

    ``commit`` and ``changed`` are None outside a git checkout, for example in an installed package.
    """
    commit = changed = None
    # The package may be installed inside another project's checkout, which is not ours.
    if _git("ls-files", "--error-unmatch", "--", "pipeline/version.py") is not None:
        commit = _git("rev-parse", "HEAD")
        changed = bool(_git("status", "--porcelain", "--", *SOURCES))
    return {"version": VERSION, "commit": commit, "changed": changed, "hash": _hash_of_sources()}


def _git(*arguments: str) -> str | None:
    """Output of git in the checkout, whoever owns it; None if git fails."""
    command = ["git", "-C", str(ROOT), "-c", "safe.directory=*", *arguments]
    environment = os.environ | {"GIT_OPTIONAL_LOCKS": "0"}
    try:
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return None if result.returncode else result.stdout.strip()


def _hash_of_sources() -> str:
    digest = hashlib.sha256()
    for part in SOURCES:
        for path in sorted([ROOT / part, *(ROOT / part).rglob("*")]):
            if path.is_file() and "__pycache__" not in path.parts:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                digest.update(f"{path.relative_to(ROOT).as_posix()} {content}\n".encode())
    return digest.hexdigest()[:16]


def describe_machine() -> None:
    """Write this job's environment to the run's folder, unless another job has done so."""
    if folder := os.environ.get(FOLDER):
        target = Path(folder) / f"{_key()}.json"
        if not target.exists():
            with atomic_path(target) as path:
                path.write_text(json.dumps(environment(), indent=1), encoding="utf-8")


def _key() -> str:
    """Short, cheap hash that identifies an environment: machine, Python and settings."""
    parts = [*processor().values(), platform.platform(), sys.version, sys.prefix, _settings()]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def environment() -> dict[str, Any]:
    """The machine, packages and programs that this process uses."""
    return {
        **processor(),
        "system": platform.platform(),
        "settings": _settings(),
        "python": sys.version.split()[0],
        "packages": {
            d.name: d.version for d in sorted(importlib.metadata.distributions(), key=lambda d: d.name)
        },
        "ffmpeg": _first_lines([imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-version"], 3),
        "compiler": _compiler(),
    }


def processor() -> dict[str, Any]:
    """Name, relevant instruction sets and number of cores of the processor."""
    facts: dict[str, str] = {}
    try:
        for line in Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines():
            name, _, value = line.partition(":")
            facts[name.strip()] = value.strip()
    except OSError:
        facts["model name"] = _first_lines(["sysctl", "-n", "machdep.cpu.brand_string"], 1)
    present = {*facts.get("flags", "").split(), *facts.get("Features", "").split()}
    return {
        "processor": facts.get("model name") or platform.processor() or platform.machine(),
        "instructions": [name for name in INSTRUCTIONS if name in present],
        "cores": os.cpu_count(),
    }


def _settings() -> dict[str, str]:
    return {name: os.environ[name] for name in SETTINGS if name in os.environ}


def _compiler() -> dict[str, Any]:
    """The compiler of TV-L1, and the first tuning flags that it accepts."""
    try:
        command = find_compiler()
    except CompilerError as error:
        return {"problem": str(error)}
    for tuning in tunings():
        tried = [*command, *tuning, "-x", "c++", "-fsyntax-only", "-"]
        if subprocess.run(tried, input="", capture_output=True, text=True, check=False).returncode == 0:
            break
    flags = " ".join([*COMPILE, *tuning])
    return {"version": _first_lines([*command, "--version"], 1), "flags": flags}


def _first_lines(command: list[str], count: int) -> str:
    """The first lines that a program prints; empty if it cannot be run."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return "\n".join(result.stdout.splitlines()[:count])
