"""Where the time of a finished run went: by stage, idle cores, and time between jobs.

    python -m benchmarks pipeline [OUTPUT] [--directory FOLDER] [--cores N]

It reads what Snakemake recorded of the jobs whose files are below OUTPUT, so the run must have ended. A run
that was interrupted, or taken up days later, is measured over its pauses, too: use it on a run from nothing.
A job counts as one core unless its rule has a benchmark file, which holds its mean load.
"""

from __future__ import annotations

import argparse
import base64
import csv
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd


class Job(NamedTuple):
    """A finished job: its rule, and when it ran, in seconds since the epoch."""

    rule: str
    start: float
    end: float


def read_jobs(directory: Path, output: Path) -> list[Job]:
    """Jobs that made files below ``output``, from Snakemake's metadata in ``directory``."""
    jobs: dict[tuple[str, ...], Job] = {}  # a job has one record per file
    wanted = (directory / output).resolve()
    for path in (directory / ".snakemake" / "metadata").rglob("*"):
        if not path.is_file():
            continue
        made = base64.b64decode(path.name.replace("@", "")).decode()
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        times = record.get("starttime"), record.get("endtime")
        if (directory / made).resolve().is_relative_to(wanted) and all(times):
            start, end = times
            key = record["rule"], *(record.get("log") or [made])
            other = jobs.get(key, Job(record["rule"], start, end))
            jobs[key] = Job(other.rule, min(other.start, start), max(other.end, end))
    return sorted(jobs.values(), key=lambda job: job.start)


def loads(folder: Path) -> dict[str, tuple[float, float]]:
    """Processor seconds and peak memory in MB by rule, from the benchmark files that rules have."""
    found: dict[str, tuple[float, float]] = {}
    for path in folder.rglob("*.tsv"):
        with path.open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        rule = path.relative_to(folder).parts[0]
        seconds, memory = found.get(rule, (0.0, 0.0))
        for row in rows:
            try:
                seconds, memory = seconds + float(row["cpu_time"]), max(memory, float(row["max_rss"]))
            except ValueError:  # a job too short to be seen: "NA"
                continue
        found[rule] = seconds, memory
    return found


def by_stage(jobs: list[Job], folder: Path) -> pd.DataFrame:
    """Jobs, seconds, share of all seconds, longest job, processor seconds and memory of each rule."""
    table = pd.DataFrame(jobs).assign(seconds=lambda rows: rows.end - rows.start)
    stages = table.groupby("rule").seconds.agg(["count", "sum", "max"])
    stages.columns = pd.Index(["jobs", "seconds", "longest job"])
    stages["share %"] = 100 * stages.seconds / stages.seconds.sum()
    measured = loads(folder)
    stages["processor s"] = [measured[rule][0] if rule in measured else None for rule in stages.index]
    stages["peak MB"] = [measured[rule][1] if rule in measured else None for rule in stages.index]
    return stages.sort_values("seconds", ascending=False)


def concurrency(jobs: list[Job]) -> dict[int, float]:
    """Seconds during which 0, 1, 2, ... jobs ran, between the first job's start and the last one's end."""
    changes = sorted([(job.start, 1) for job in jobs] + [(job.end, -1) for job in jobs])
    running, before = 0, changes[0][0]
    seconds: dict[int, float] = {}
    for moment, change in changes:
        seconds[running] = seconds.get(running, 0.0) + moment - before
        running, before = running + change, moment
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", nargs="?", type=Path, default=Path("results"), help="a run's output folder")
    parser.add_argument(
        "--directory", type=Path, default=Path(), help="folder in which Snakemake ran (.snakemake)"
    )
    parser.add_argument("--cores", type=int, help="cores that the run had; default: most jobs at a time")
    arguments = parser.parse_args()
    jobs = read_jobs(arguments.directory, arguments.output)
    if not jobs:
        sys.exit(
            f"{arguments.directory / '.snakemake' / 'metadata'}: no finished job has files in "
            f"{arguments.output}; give the run's output folder, and --directory where it ran"
        )
    stages = by_stage(jobs, arguments.directory / arguments.output / "benchmarks")
    print(stages.astype(object).map(lambda value: "" if pd.isna(value) else f"{value:,.0f}").to_markdown())
    parallel = concurrency(jobs)
    span, busy = sum(parallel.values()), sum(number * time for number, time in parallel.items())
    cores = arguments.cores or max(parallel)
    print(f"\nfrom the first job's start to the last one's end: {span:.1f} s; jobs: {busy:.1f} s")
    print("seconds with " + ", ".join(f"{n} jobs {t:.1f}" for n, t in sorted(parallel.items())))
    print(f"idle: {100 * (1 - busy / (cores * span)):.1f} % of {cores} cores")


if __name__ == "__main__":
    main()
