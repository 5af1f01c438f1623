"""Two runs on one output, and a run that is killed and started again, as a user meets them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from workflow import Project

pytestmark = pytest.mark.slow

# In place of the stages. Files that a stage is asked for are made empty,
# a training keeps a state for HOLD seconds first.
STAGE = """import os, sys, time
from pathlib import Path
stage, arguments = sys.argv[1], sys.argv[2:]
if stage == "train-sr":
    state = Path(arguments[arguments.index("--out") + 1]).with_suffix(".resume")
    with open(os.environ["JOBS"], "a") as jobs:
        jobs.write("goes on\\n" if state.exists() else "starts\\n")
    state.touch()
    time.sleep(float(os.environ["HOLD"]))
    state.unlink()
    if os.environ.get("FAIL"):
        sys.exit(1)
for path in map(Path, arguments):
    if path.is_absolute() and path.is_relative_to(os.environ["OUT"]) and not path.exists():
        path.mkdir(parents=True) if stage == "generate-demo" else path.touch()
"""


@pytest.fixture
def start(root: Path, tmp_path: Path, monkeypatch) -> Callable[..., subprocess.Popen[str]]:
    """Start a training into one output, from a folder of its own, with Snakemake's flags."""
    out, install = tmp_path / "out", tmp_path / "install"
    Project.copy(root, install)
    (install / "pipeline/__main__.py").write_text(STAGE)
    monkeypatch.setenv("OUT", str(out))
    monkeypatch.setenv("JOBS", str(tmp_path / "jobs"))
    running = []

    def run(folder: str, *flags: str, hold: float, **environment: str) -> subprocess.Popen[str]:
        home = tmp_path / folder
        home.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(install / "Snakefile"), *flags]
        process = subprocess.Popen(
            [*command, "--config", f"output={out}", "--", f"{out}/superres/models/vdsr.safetensors"],
            cwd=home,
            env=os.environ | {"HOLD": str(hold)} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        running.append(process)
        return process

    yield run
    for process in running:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def jobs(tmp_path: Path) -> list[str]:
    """What the trainings found, in the order of their starts."""
    path = tmp_path / "jobs"
    return path.read_text().splitlines() if path.exists() else []


def until_trains(run: subprocess.Popen[str], tmp_path: Path, trainings: int = 1) -> None:
    while len(jobs(tmp_path)) < trainings:
        assert run.poll() is None, run.communicate()
        time.sleep(0.1)


def finished(run: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = run.communicate(timeout=120)
    return run.returncode, output


def left(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "out").glob(".running*")]


def test_two_runs_and_a_restart(start, tmp_path):
    first = start("a", "--cores", "1", hold=60)
    until_trains(first, tmp_path)

    status, said = finished(start("b", "--cores", "1", hold=0))
    assert status == 1
    assert f"is in use by process {first.pid} on " in said
    assert finished(start("b", "--cores", "1", "--dry-run", hold=0))[0] == 0

    first.kill()
    first.wait()
    status, said = finished(start("b", "--cores", "1", hold=0))
    assert status == 1
    (command,) = re.findall("`(kill .*)`", said)
    subprocess.run(command, shell=True, check=True)
    assert jobs(tmp_path) == ["starts"]

    # As if it had been killed between the training's end and Snakemake's note of it.
    (tmp_path / "out/superres/models/vdsr.safetensors").touch()
    # --profile does not hide the defaults.
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile/config.yaml").write_text(yaml.safe_dump({"cores": 1}))
    status, said = finished(start("a", "--profile", str(tmp_path / "profile"), hold=0))
    assert status == 0, said
    assert "continues after an interrupted run" in said
    assert jobs(tmp_path) == ["starts", "goes on"]
    assert left(tmp_path) == []


def test_after_a_lost_terminal_the_same_command_goes_on(start, tmp_path):
    run = start("a", "--cores", "1", hold=60)
    until_trains(run, tmp_path)
    os.killpg(run.pid, signal.SIGHUP)
    run.wait()
    status, said = finished(start("a", "--cores", "1", hold=0))
    assert status == 0, said
    assert jobs(tmp_path) == ["starts", "goes on"]


def test_every_end_lets_the_next_run_in(start, tmp_path):
    for trainings, end in enumerate(["error", signal.SIGINT, signal.SIGTERM, "well"], 1):
        run = start("a", "--cores", "1", hold=1, **({"FAIL": "1"} if end == "error" else {}))
        until_trains(run, tmp_path, trainings)
        assert len(left(tmp_path)) == 2
        if isinstance(end, signal.Signals):
            os.killpg(run.pid, end)
        status, said = finished(run)
        assert (status == 0) == (end == "well"), said
        assert "continues after an interrupted run" not in said
        assert left(tmp_path) == []
