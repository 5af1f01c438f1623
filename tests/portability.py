"""Run the numeric tests with the code that the libraries choose on other processors (`make portability`).

NumPy, OpenBLAS, MKL, oneDNN, PyTorch and OpenCV pick their code by the processor; environment variables make
them pick another. TV-L1 is compiled by both compilers, for older processors and for this one. What this
machine cannot run is skipped and named.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

CHOSEN = ("ATEN_", "CXX", "DNNL_", "MKL_", "NPY_", "OMP_", "ONEDNN_", "OPENBLAS_", "OPENCV_", "RECOSR_MARCH")
"""Beginnings of variables that are unset first: what the user's environment chooses must not mix in."""
AVX2 = {"avx2", "fma"}
AVX512 = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
COMPILERS = ("g++", "clang++")
MARCHES = {"x86-64": set(), "x86-64-v3": AVX2, "native": set()}
NUMERIC = ("-m", "numeric and not slow and not gpu")
TVL1 = ("tests/flow/test_tvl1.py", "-m", "not slow")


@dataclass(frozen=True)
class Run:
    """The tests under one environment."""

    name: str
    environment: dict[str, str]
    tests: tuple[str, ...]
    needs: frozenset[str] = frozenset()  # of the processor, as /proc/cpuinfo names it

    def obstacle(self, flags: set[str]) -> str | None:
        """Why this machine cannot run it."""
        if missing := self.needs - flags:
            return f"this processor lacks {', '.join(sorted(missing))}"
        compiler = self.environment.get("CXX")
        if compiler and shutil.which(compiler) is None:
            package = {"clang++": "clang"}.get(compiler, compiler)
            return f"there is no {compiler} (Debian: apt-get install {package})"
        return None


def runs() -> list[Run]:
    """Every processor's code, then every build of TV-L1."""
    simd = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    wide = [feature for feature in simd if "512" in feature or "V4" in feature]
    plain = {
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_CBWR": "COMPATIBLE",
        "NPY_DISABLE_CPU_FEATURES": ",".join(simd),
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "OPENBLAS_CORETYPE": "Prescott",
        "OPENCV_CPU_DISABLE": "SSE4.1,SSE4.2,AVX,FP16,AVX2,AVX512-SKX",
        "OPENCV_IPP": "disabled",
    }
    avx2 = {
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_CBWR": "AVX2",
        "NPY_DISABLE_CPU_FEATURES": ",".join(wide),
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "OPENBLAS_NUM_THREADS": "2",
        "OPENCV_CPU_DISABLE": "AVX512-SKX",
    }
    avx512 = {
        "ATEN_CPU_CAPABILITY": "avx512",
        "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
        "OPENBLAS_CORETYPE": "SkylakeX",
    }
    libraries = [
        Run("any x86-64", plain, NUMERIC),
        Run("AVX2", avx2, NUMERIC, frozenset(AVX2)),
        Run("AVX-512", avx512, NUMERIC, frozenset(AVX512)),
    ]
    builds = [
        Run(
            f"TV-L1 by {compiler} for {march}",
            {"CXX": compiler, "RECOSR_MARCH": march},
            TVL1,
            frozenset(needs),
        )
        for compiler, (march, needs) in product(COMPILERS, MARCHES.items())
    ]
    return libraries + builds


def cpu_flags() -> set[str]:
    """Features of this processor, as Linux names them."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((set(line.split(":")[1].split()) for line in lines if line.startswith("flags")), set())


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cores", default="1", help="tests at the same time")
    cores = parser.parse_args().cores
    if platform.machine() != "x86_64" or not Path("/proc/cpuinfo").exists():
        print(f"portability: skipped, the settings are of x86-64 Linux and this is {platform.platform()}")
        return 0
    clean = {name: value for name, value in os.environ.items() if not name.startswith(CHOSEN)}
    flags, outcomes = cpu_flags(), []
    for run in runs():
        obstacle = run.obstacle(flags)
        print(f"\n== {run.name}: {obstacle or run.environment}", flush=True)
        if obstacle:
            outcomes.append((run.name, f"skipped: {obstacle}"))
            continue
        # One thread a test process: tests run side by side.
        environment = clean | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"} | run.environment
        command = [sys.executable, "-m", "pytest", "-q", "-n", cores, "--dist", "loadgroup", *run.tests]
        failed = subprocess.run(command, env=environment, check=False).returncode
        outcomes.append((run.name, "FAILED" if failed else "passed"))
    print("\n== summary")
    for name, outcome in outcomes:
        print(f"{name}: {outcome}")
    return any(outcome == "FAILED" for _, outcome in outcomes)


if __name__ == "__main__":
    sys.exit(main())
