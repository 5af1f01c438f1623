"""The lock of an output folder: held, refused, taken over from the dead, and what a killed run leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.run_lock import LOCK, RECORD, RUN_VARIABLE, RunLockError, hold

# Locks sys.argv[1], for the SLURM run sys.argv[2] if given, prints "held", and obeys the lines on stdin.
HOLDER = """
import os, subprocess, sys, time
from pipeline.run_lock import RunLockError, hold
try:
    hold(*sys.argv[1:3])
except RunLockError as error:
    sys.exit(f"refused: {error}")
print("held", flush=True)
word = sys.stdin.readline().strip()
if word == "job":
    print(subprocess.Popen(["sleep", "60"]).pid, flush=True)
    word = sys.stdin.readline().strip()
if word == "error":
    raise RuntimeError("as asked")
if word == "wait":
    time.sleep(60)
"""


@pytest.fixture
def holder(root, tmp_path):
    """Start a process that holds the output; its standard input says how it ends."""
    running = []

    @contextmanager
    def start(*arguments: str):
        command = [sys.executable, "-c", HOLDER, str(tmp_path / "out"), *arguments]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(command, cwd=root, text=True, **pipes)
        running.append(process)
        assert process.stdout.readline() == "held\n"
        yield process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """A squeue that says this."""

    def says(answer: str, status: int = 0) -> None:
        (tmp_path / "squeue").write_text(f"#!/bin/sh\necho '{answer}'\necho '{answer}' >&2\nexit {status}\n")
        (tmp_path / "squeue").chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv(RUN_VARIABLE, "")
    return says


def left(out: Path) -> set[str]:
    return {path.name for path in out.iterdir()}


def take(out: Path) -> dict:
    """Hold ``out`` for a moment; the record meanwhile."""
    release = hold(out)
    record = json.loads((out / RECORD).read_text())
    release()
    return record


def test_a_second_run_is_refused_in_one_line_that_says_who_holds_the_output(holder, tmp_path):
    out = tmp_path / "out"
    with holder() as process:
        with pytest.raises(RunLockError, match=f"{out} is in use by process {process.pid} on ") as error:
            hold(out)
        record = json.loads((out / RECORD).read_text())
        said = str(error.value)
        assert "\n" not in said
        for known in ("host", "user", "since", "command", "folder"):
            assert record[known]
            assert record[known] in said
        process.communicate("end\n")
    assert process.returncode == 0
    assert take(out)["pid"] == os.getpid()
    assert left(out) == set()


@pytest.mark.parametrize("end", ["end", "error", signal.SIGINT])
def test_the_lock_goes_with_the_run(holder, tmp_path, end):
    with holder() as process:
        if isinstance(end, str):
            process.communicate(f"{end}\n")
        else:
            process.send_signal(end)
            process.wait(timeout=20)
    assert process.returncode == (0 if end == "end" else 1 if end == "error" else -signal.SIGINT)
    assert left(tmp_path / "out") == set()


def test_a_killed_run_is_taken_over(holder, tmp_path, capfd):
    out = tmp_path / "out"
    with holder() as process:
        process.kill()
        process.wait()
    assert left(out) == {LOCK, RECORD}
    assert take(out)["pid"] == os.getpid()
    assert f"continues after an interrupted run: process {process.pid} " in capfd.readouterr().err
    assert left(out) == set()


def test_a_process_that_got_the_number_of_a_dead_one_holds_nothing(tmp_path):
    release = hold(tmp_path)
    lock = tmp_path / LOCK
    _, host, start = lock.read_text().splitlines()
    release()
    # Its parent lives, but did not start then.
    lock.write_text(f"{os.getppid()}\n{host}\n{int(start) + 10**6}\n")
    take(tmp_path)


def test_one_of_several_takes_over(holder, root, tmp_path):
    with holder() as process:
        process.kill()
        process.wait()
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "out")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    runs = [subprocess.Popen(command, cwd=root, **pipes) for _ in range(4)]
    # The refused ones end by themselves.
    refused = [run for run in runs if run.stdout.readline() == ""]
    for run in runs:
        run.communicate("end\n")
    assert len(refused) == 3
    assert sorted(run.returncode for run in runs) == [0, 1, 1, 1]


def test_a_run_of_another_host_is_not_judged(tmp_path):
    (tmp_path / LOCK).write_text("4242\nlogin2\n77\n")
    record = {
        "pid": 4242,
        "host": "login2",
        "user": "ana",
        "since": "2026-01-02 03:04",
        "folder": "/home/ana",
    }
    (tmp_path / RECORD).write_text(
        json.dumps(record | {"id": "x", "command": "snakemake", "slurm_run": None})
    )
    with pytest.raises(RunLockError, match="4242 on login2, of ana since 2026-01-02 03:04") as error:
        hold(tmp_path)
    assert f"delete {tmp_path / LOCK}" in str(error.value)
    (tmp_path / LOCK).unlink()
    take(tmp_path)


def test_a_lock_that_a_crash_has_emptied_can_be_deleted(holder, tmp_path):
    """As after a power failure: nothing in it says that its process is dead."""
    out = tmp_path / "out"
    with holder() as process:
        process.kill()
        process.wait()
    (out / LOCK).write_text("")
    with pytest.raises(RunLockError, match=f"delete {out / LOCK}"):
        hold(out)
    (out / LOCK).unlink()
    take(out)


def test_jobs_that_outlive_a_killed_run_are_named(holder, tmp_path):
    out = tmp_path / "out"
    with holder() as process:
        process.stdin.write("job\n")
        process.stdin.flush()
        job = int(process.stdout.readline())
        process.kill()
        process.wait()
    with pytest.raises(RunLockError, match=f"`kill {job}`"):
        hold(out)
    with pytest.raises(RunLockError, match=f"`kill {job}`"):
        hold(out)
    os.kill(job, signal.SIGTERM)
    take(out)


@pytest.mark.parametrize(
    ("answer", "status", "message"), [("17 RUNNING", 0, "17 RUNNING"), ("no contact", 1, "no contact")]
)
def test_slurm_jobs_of_a_killed_run_are_named(holder, squeue, tmp_path, answer, status, message):
    out = tmp_path / "out"
    with holder("run-7") as process:
        process.kill()
        process.wait()
    squeue(answer, status)
    with pytest.raises(RunLockError, match="`scancel --name run-7`") as error:
        hold(out)
    assert message in str(error.value)
    squeue("")
    take(out)


def test_a_run_that_leaves_slurm_jobs_behind_tells_the_next(holder, squeue, tmp_path):
    squeue("17")
    with holder("run-7") as process:
        process.communicate("end\n")
    assert left(tmp_path / "out") == {RECORD}
    with pytest.raises(RunLockError, match="`scancel --name run-7`"):
        hold(tmp_path / "out")


def test_a_lock_is_released_where_it_was_taken(tmp_path, monkeypatch):
    """Snakemake goes back to where it was started from, with --directory, before it ends."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    release = hold("out")
    monkeypatch.chdir(tmp_path / "elsewhere")
    release()
    assert left(tmp_path / "out") == set()


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunLockError, match="file/out: cannot lock"):
        hold(tmp_path / "file" / "out")
