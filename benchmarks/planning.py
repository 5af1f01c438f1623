"""Processor seconds of a dry run of Snakemake, with and without the caches of earlier starts.

    python -m benchmarks planning [--repeats 5] [CONFIG ...]

Without: the package's sources are parsed again, as at the first start and as every version before did. The
networks' check is remembered in both. Snakemake alone is its start without a workflow.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEMOS = ("config.yaml", "tests/micro/config.yaml")


def start(cache: Path, *arguments: str) -> float:
    """Processor seconds of Snakemake and its child processes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "snakemake", *arguments]
    environment = os.environ | {"RECOSR_CACHE": str(cache)}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("configs", nargs="*", default=DEMOS, metavar="CONFIG")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "cache"
        for config in arguments.configs:
            plan = ["--dry-run", "--configfile", config, "--config", f"output={folder}/out", "--", "tables"]
            start(cache, *plan)
            times: dict[str, list[float]] = {"alone": [], "without": [], "with": []}
            for _ in range(arguments.repeats):
                times["alone"].append(start(cache, "--version"))
                shutil.rmtree(cache / "code")
                times["without"].append(start(cache, *plan))
                times["with"].append(start(cache, *plan))
            alone, without, remembered = (statistics.median(values) for values in times.values())
            print(
                f"{config}: {without:.2f} s to {remembered:.2f} s ({without / remembered:.2f}x), Snakemake "
                f"alone {alone:.2f} s; beside it {without - alone:.2f} s to {remembered - alone:.2f} s "
                f"({(without - alone) / (remembered - alone):.1f}x)"
            )


if __name__ == "__main__":
    main()
