"""A job that ran out of memory says which one it was, what it had asked for and what to lower."""

from __future__ import annotations

import os
import signal
import sys

import numpy as np
import pytest
import torch
from workflow import Project

from pipeline import cli, config
from pipeline.out_of_memory import BOUNDS, advice, ran_out, report

COMMAND = (
    "trap 'x' EXIT; python -m pipeline {stage} "
    """--request '{{"name": "vdsr", "part": {{"stream": "spatial"}}}}' --out 'a b.pt' 2> '{log}'"""
)


def fills_memory_by_numpy() -> None:
    np.zeros(1 << 50)


def fills_memory_by_torch() -> None:
    torch.empty(1 << 50)


def fails_otherwise() -> None:
    raise RuntimeError("not enough colours")


@pytest.mark.parametrize("name", ["fills_memory_by_numpy", "fills_memory_by_torch"])
def test_a_stage_without_memory_ends_in_two_lines(monkeypatch, capsys, name):
    monkeypatch.setitem(cli.STAGES, "super-resolve", f"{__name__}:{name}")
    monkeypatch.setattr(cli.importlib, "import_module", lambda _: sys.modules[__name__])
    assert cli.main(["super-resolve"]) == 1
    first, second = capsys.readouterr().err.splitlines()[-2:]
    assert "llocate" in first
    assert "Lower superres.batch_pixels" in second


def test_other_errors_stay_as_they_are(monkeypatch):
    monkeypatch.setitem(cli.STAGES, "super-resolve", f"{__name__}:fails_otherwise")
    monkeypatch.setattr(cli.importlib, "import_module", lambda _: sys.modules[__name__])
    with pytest.raises(RuntimeError, match="colours"):
        cli.main(["super-resolve"])


@pytest.mark.parametrize(
    "message",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "DataLoader worker (pid 12) is killed by signal: Killed. ",
        "process 1 terminated with signal SIGKILL",
    ],
)
def test_errors_of_gpus_and_workers_count(message):
    assert ran_out(RuntimeError(message))


def test_the_keys_to_lower_exist():
    assert "batch_pixels" in config.SuperRes.model_fields
    assert {"batch_size", "crop"} <= set(config.SRTraining.model_fields)
    assert "micro_batch" in config.StreamTraining.model_fields
    assert set(BOUNDS) <= set(cli.STAGES)


@pytest.mark.parametrize("stage", ["train-sr", "train-recognizer", "prepare-clips"])
def test_a_killed_job_is_reported_with_what_it_had_asked_for(tmp_path, monkeypatch, capsys, stage):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / "squeue").write_text('#!/bin/sh\n[ "$2" = --jobs=17 ] && echo 4000M\n')
    (tmp_path / "squeue").chmod(0o755)
    log = tmp_path / "my logs" / stage.replace("-", "_") / "vdsr.log"
    log.parent.mkdir(parents=True)
    log.write_text("step 1\n")
    report(128 + signal.SIGKILL, COMMAND.format(stage=stage, log=log))
    said = capsys.readouterr().err
    assert log.read_text() == "step 1\n" + said
    assert said.startswith(f"{log.parent.name} vdsr: killed")
    assert "3 thread(s) and 4000M of memory" in said
    assert "mem_mb" in said
    assert ("superres.models.vdsr.training.batch_size" in said) == (stage == "train-sr")
    assert ("micro_batch of the spatial stream" in said) == (stage == "train-recognizer")
    assert said.count("\n") == 1


def test_a_local_job_is_advised_to_run_fewer_jobs(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert "--cores" in advice(["extract-flow", "--bound", "6.0"])


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_terminal_and_the_log_of_a_run_say_it(root, tmp_path, number):
    project = Project.copy(root, tmp_path / "project")
    main = project.folder / "pipeline/__main__.py"
    main.write_text(f"import os\nos.kill(os.getpid(), {int(number)})\n")
    arguments = ["--cores", "1", "--", "results/demo/ucf_demo"]
    result = project.snakemake(*arguments, check=False)
    assert result.returncode == 1
    lines = [line for line in result.stderr.splitlines() if line.startswith("generate_demo ucf_demo: ")]
    log = (project.folder / "results/logs/generate_demo/ucf_demo.log").read_text().splitlines()
    assert log == lines
    assert len(lines) == (number == signal.SIGKILL)
