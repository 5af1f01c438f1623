"""The workflow on a real SLURM: the same numbers as locally, and jobs that are killed."""

from __future__ import annotations

import re
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from slurm.cluster import SNAKEMAKE
from workflow import cut, same_cells

from pipeline.provenance import read_runs

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

ROWS = ("vdsr", "hr")


def squeue(*arguments: str) -> list[str]:
    """Lines of squeue, finished jobs included."""
    command = ["squeue", "--noheader", "--states=all", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def squeue_now() -> list[str]:
    """Lines of squeue, of jobs that have not ended."""
    return subprocess.run(
        ["squeue", "--noheader"], capture_output=True, text=True, check=True
    ).stdout.splitlines()


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"nothing within {seconds} s"
        time.sleep(0.1)


def cancel(rule: str) -> str:
    """Cancel the running job of a rule and wait until SLURM has ended it; its number."""
    jobs = [line.split() for line in squeue("--format=%i %T %k")]
    (number,) = [i for i, state, comment in jobs if state == "RUNNING" and comment.startswith(f"rule_{rule}")]
    subprocess.run(["scancel", number], check=True)
    wait_for(lambda: squeue(f"--jobs={number}", "--format=%T") == ["CANCELLED"])
    return number


def jobs_of(rule: str, columns: str) -> list[str]:
    """States of the jobs of a rule according to squeue, in the order of their numbers."""
    lines = (line.split(maxsplit=2) for line in squeue(f"--format=%i %k {columns}"))
    jobs = sorted((int(i), state) for i, comment, state in lines if comment.startswith(f"rule_{rule}"))
    return [state for _, state in jobs]


@pytest.fixture
def small_config(micro_project, tmp_path) -> Path:
    """The micro experiment's first data set and first recogniser, and two of its rows."""
    config = micro_project.folder / "tests/micro/config.yaml"
    return cut(config, tmp_path / "small.yaml", "ucf_demo", ["tsn"], list(ROWS))


def test_same_table_as_a_local_run(slurm, profile, small_config, micro_project, micro_table, tmp_path):
    """Every rule runs on the cluster, from nothing to the table; its training is killed once on the way."""
    results = tmp_path / "results"
    arguments = ["--profile", profile, "--configfile", small_config, "--config", f"output={results}"]
    command = [*SNAKEMAKE, *map(str, arguments), "--", f"{results}/table4.csv"]
    log = tmp_path / "snakemake.log"
    with log.open("w") as output:
        run = subprocess.Popen(command, cwd=micro_project.folder, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: (results / "logs/train_sr/vdsr.log").exists() or run.poll() is not None, 900)
        assert run.poll() is None, log.read_text()
        cancel("train_sr")
        assert not (results / "superres/models/vdsr.safetensors").exists()
        assert run.wait(timeout=400) == 0, log.read_text()
    finally:
        run.kill()
    assert jobs_of("train_sr", "%T %m")[-2:] == ["CANCELLED 16000M", "COMPLETED 32000M"]
    same_cells(results / "table4.csv", micro_table)
    # Only jobs describe their machines, so the record's folder has reached them through SLURM.
    assert read_runs(results)[-1]["environments"]


def test_a_killed_snakemake_leaves_no_second_start(slurm, profile, train, tmp_path):
    """Its jobs run on: the next run refuses until they are cancelled as it says, and then goes on."""
    flags = ("--profile", str(profile))
    run = train("cpu", ["vdsr"], *flags, hold=120)
    wait_for(lambda: (tmp_path / "jobs").exists() or run.poll() is not None)
    run.kill()
    run.communicate()
    output, _ = (run := train("cpu", ["vdsr"], *flags, hold=0)).communicate(timeout=120)
    assert run.returncode == 1
    (command,) = re.findall("`(scancel .*)`", output)
    subprocess.run(shlex.split(command), check=True)
    wait_for(lambda: squeue_now() == [])
    output, _ = (run := train("cpu", ["vdsr"], *flags, hold=0)).communicate(timeout=120)
    assert run.returncode == 0, output
    assert len((tmp_path / "jobs").read_text().split()) == 2


def test_killed_job_is_reported_and_leaves_nothing(slurm, profile, train, tmp_path):
    """Without retries a cancelled job ends the run with an error that names it."""
    run = train("cpu", ["vdsr"], "--profile", str(profile), "--retries", "0", hold=120)
    wait_for(lambda: (tmp_path / "jobs").exists() or run.poll() is not None)
    number = cancel("train_sr")
    output, _ = run.communicate(timeout=120)
    assert run.returncode != 0
    assert f"'{number}'" in output or number in output
    assert "CANCELLED" in output
    assert not (tmp_path / "results/superres/models/vdsr.safetensors").exists()


def test_a_job_out_of_memory_says_what_to_lower(slurm, profile, train, tmp_path, monkeypatch):
    monkeypatch.setenv("OUT_OF_MEMORY", "1")
    run = train("cpu", ["vdsr"], "--profile", str(profile), "--retries", "0", hold=0)
    output, _ = run.communicate(timeout=180)
    assert run.returncode != 0
    log = tmp_path / "results/logs/train_sr/vdsr.log"
    assert str(log.relative_to(tmp_path)) in output
    said = log.read_text()
    assert said.startswith("train_sr vdsr: killed")
    assert "16000M of memory" in said
    assert "superres.models.vdsr.training.batch_size" in said
