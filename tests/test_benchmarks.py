"""Benchmarks that read a finished run, on records as Snakemake writes them."""

import base64
import json
import subprocess
import sys

import pytest


def run(root, *arguments):
    command = [sys.executable, "-m", "benchmarks", *map(str, arguments)]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture
def finished(tmp_path):
    """A run of three jobs: one of two files, then two at a time, with a pause of two seconds."""
    records = tmp_path / ".snakemake" / "metadata"
    records.mkdir(parents=True)
    jobs = [
        ("list_clips", "results/a.csv", "a.log", 100.0, 110.0),
        ("list_clips", "results/b.csv", "a.log", 100.0, 110.5),
        ("score", "results/c.npz", "c.log", 112.5, 118.0),
        ("score", "results/d.npz", "d.log", 112.5, 116.5),
        ("score", "elsewhere/e.npz", "e.log", 0.0, 1000.0),
    ]
    for rule, output, log, start, end in jobs:
        record = {"rule": rule, "log": [log], "starttime": start, "endtime": end}
        (records / base64.b64encode(output.encode()).decode()).write_text(json.dumps(record))
    loads = tmp_path / "results" / "benchmarks" / "score" / "c.tsv"
    loads.parent.mkdir(parents=True)
    loads.write_text("s\tmax_rss\tcpu_time\n6\t200.5\t5.5\n")
    return tmp_path


def test_time_by_stage_counts_jobs_once_and_only_those_of_the_output(root, finished):
    result = run(root, "pipeline", "results", "--directory", finished, "--cores", 2)
    assert result.returncode == 0, result.stderr
    rows = {
        cells[0]: cells[1:]
        for line in result.stdout.splitlines()
        if line.startswith("| ")
        for cells in [[cell.strip() for cell in line.strip("|").split("|")]]
    }
    assert rows["list_clips"][:3] == ["1", "10", "10"]
    assert rows["score"] == ["2", "10", "6", "48", "6", "200"]
    assert "18.0 s; jobs: 20.0 s" in result.stdout
    assert "0 jobs 2.0, 1 jobs 12.0, 2 jobs 4.0" in result.stdout
    assert "idle: 44.4 % of 2 cores" in result.stdout


def test_a_folder_without_a_run_is_named(root, tmp_path):
    result = run(root, "pipeline", "results", "--directory", tmp_path)
    assert result.returncode == 1
    assert f"{tmp_path}/.snakemake/metadata: no finished job has files in results" in result.stderr


def test_all_benchmarks_are_listed_by_name(root):
    listed = run(root).stdout
    for path in (root / "benchmarks").glob("[!_]*.py"):
        assert f"  {path.stem} " in listed
    assert run(root, "nothing").returncode == 2
