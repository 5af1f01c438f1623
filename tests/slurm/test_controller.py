"""SLURM's controller unavailable for a while: the waiting commands, and a run during two outages."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from slurm.cluster import without_controller
from slurm.test_slurm import wait_for

AWAY = "{}: error: Unable to contact slurm controller (connect failure)"
LOST = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"
AWAY_SECONDS = 12
"""The controller's absence after somebody asked for it: several tries."""
SBATCH = ["sbatch", "--parsable", "--job-name", "run", "--comment", "rule_a", "--wrap=true"]


@pytest.fixture
def command(root: Path, tmp_path, monkeypatch):
    """Run one of the waiting commands over fakes of SLURM's own, each a list of (status, stdout, stderr)."""
    monkeypatch.setenv("RECOSR_SLURM_PAUSE", "0")
    monkeypatch.setenv("PATH", f"{root / 'profiles/slurm/bin'}:{tmp_path}:{os.environ['PATH']}")

    def run(arguments, **fakes) -> tuple[subprocess.CompletedProcess[str], dict[str, int]]:
        for name, answers in fakes.items():
            cases = [
                f"{number}) echo {out!r}; echo {err!r} >&2; exit {status};;"
                for number, (status, out, err) in enumerate(answers, 1)
            ]
            count = f"echo x >> {tmp_path}/{name}.calls; case $(wc -l < {tmp_path}/{name}.calls) in"
            (tmp_path / name).write_text("\n".join(["#!/bin/sh", count, *cases, "esac", "exit 99"]))
            (tmp_path / name).chmod(0o755)
        result = subprocess.run(arguments, capture_output=True, text=True, timeout=30)
        calls = {name: tmp_path / f"{name}.calls" for name in fakes}
        return result, {name: len(p.read_text().split()) if p.exists() else 0 for name, p in calls.items()}

    return run


def test_a_query_is_asked_again(command):
    away = (1, "1|RUNNING", AWAY.format("squeue"))
    result, calls = command(["squeue", "--name", "run"], squeue=[away, away, (0, "1|COMPLETED", "")])
    assert (result.returncode, result.stdout, result.stderr) == (0, "1|COMPLETED\n", "")
    assert calls == {"squeue": 3}


def test_a_query_gives_up_with_its_error(command, monkeypatch):
    monkeypatch.setenv("RECOSR_SLURM_PATIENCE", "0")
    result, calls = command(["squeue"], squeue=[(1, "", AWAY.format("squeue"))])
    assert (result.returncode, calls) == (1, {"squeue": 1})
    assert "Unable to contact" in result.stderr


def test_the_plugin_stays_with_squeue(command):
    """Without an answer it would consider MinJobAge too short and switch to sacct."""
    result, _ = command(["scontrol", "show", "config"], scontrol=[(1, "", AWAY.format("scontrol"))])
    age = dict(line.split("=") for line in result.stdout.split("\n") if "=" in line)["MinJobAge "]
    assert result.returncode == 0
    assert int(age.split()[0]) > 3 * 20
    answer = "MinJobAge               = 7 sec"
    assert (
        answer in command(["scontrol", "show", "config"], scontrol=[(99, "", ""), (0, answer, "")])[0].stdout
    )


def test_a_job_is_submitted_when_the_controller_is_back(command):
    result, calls = command(SBATCH, sbatch=[(1, "", AWAY.format("sbatch"))] * 2 + [(0, "7", "")], squeue=[])
    assert (result.returncode, result.stdout.split(), result.stderr.strip()) == (0, ["7"], "")
    assert calls == {"sbatch": 3, "squeue": 0}


def test_a_job_whose_number_was_lost_is_not_submitted_twice(command):
    listed = [(1, "", AWAY.format("squeue")), (0, "6 rule_b\n7 rule_a", "")]
    result, calls = command(SBATCH, sbatch=[(1, "", LOST)], squeue=listed)
    assert (result.returncode, result.stdout.split()) == (0, ["7"])
    assert calls == {"sbatch": 1, "squeue": 2}


def test_a_job_that_did_not_arrive_is_submitted_again(command):
    result, calls = command(SBATCH, sbatch=[(1, "", LOST), (0, "8", "")], squeue=[(0, "6 rule_b", "")])
    assert (result.returncode, result.stdout.split()) == (0, ["8"])
    assert calls == {"sbatch": 2, "squeue": 1}


def test_a_refused_job_is_refused_at_once(command):
    result, calls = command(SBATCH, sbatch=[(1, "", "sbatch: error: invalid partition specified: x")])
    assert (result.returncode, calls) == (1, {"sbatch": 1})
    assert "invalid partition" in result.stderr


@pytest.mark.slurm
@pytest.mark.slow
def test_a_run_outlasts_the_controller(slurm, slurm_environment, profile, train, tmp_path, monkeypatch):
    """Away while jobs are submitted, and again while they end: each runs once, and the run ends well."""
    monkeypatch.setenv("RECOSR_SLURM_PAUSE", "1")
    environment = os.environ | slurm_environment
    started = tmp_path / "jobs"
    run = None
    try:
        with without_controller(environment):
            run = train("cpu", ["vdsr", "rcan"], "--profile", str(profile), hold=20)
            wait_for(lambda: asks(run, "sbatch"))
            time.sleep(AWAY_SECONDS)
            assert asks(run, "sbatch")
            assert not started.exists()
        wait_for(
            lambda: (started.exists() and len(started.read_text().split()) == 2) or run.poll() is not None
        )
        with without_controller(environment):
            wait_for(lambda: asks(run, "squeue"))
            time.sleep(AWAY_SECONDS)
            assert asks(run, "squeue")
        output, _ = run.communicate(timeout=300)
    finally:
        if run:
            run.kill()
    assert run.returncode == 0, output
    assert len(started.read_text().split()) == 2
    assert (tmp_path / "results/superres/models/vdsr.safetensors").exists()


def asks(run: subprocess.Popen[str], command: str) -> bool:
    """Whether a run waits for the answer of one of SLURM's commands."""
    for child in psutil.Process(run.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if any(Path(word).name == command for word in child.cmdline()[:2]):
                return True
    return False
