"""Lock that lets one run at a time write to an output folder, whatever its project folder or host."""

from __future__ import annotations

import atexit
import json
import os
import secrets
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from filelock import SoftFileLock, Timeout

from pipeline.errors import PipelineError
from pipeline.files import atomic_path

LOCK = ".running.lock"
RECORD = ".running.json"
"""File in the output folder that describes the run. A leftover one means that a run was killed, or that its
jobs may still be running."""

RUN_VARIABLE = "RECOSR_RUN"
"""Environment variable of a run's jobs, by which those that outlive a killed run are found."""

TAKE_OVER_SECONDS = 1.0


class RunLockError(PipelineError):
    """The output folder is in use, or jobs of a killed run still write to it; the message says what to do."""


def hold(out: Path | str, slurm_run: str | None = None) -> Callable[[], None]:
    """Lock ``out`` until this process ends; returns a function that releases the lock earlier.

    ``slurm_run`` is the name of this run's SLURM jobs. The lock of a dead process is taken over.

    Raises RunLockError if another run holds ``out``, if jobs of a killed run are still alive, or if ``out``
    cannot be written.
    """
    out = Path(out).absolute()
    # A lock file, because locks of the operating system do not reach other hosts on every NFS.
    lock = SoftFileLock(out / LOCK)
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=TAKE_OVER_SECONDS)
        try:
            before = _read(out)
            _refuse_orphans(out, before)
            record = _record(slurm_run)
            with atomic_path(out / RECORD) as temporary:
                temporary.write_text(json.dumps(record, indent=1))
        except BaseException:
            lock.release()
            raise
    except Timeout:
        raise RunLockError(_in_use(out)) from None
    except OSError as error:
        raise RunLockError(f"{out}: cannot lock this output folder: {error}") from error
    if before:
        print(f"{out}: continues after an interrupted run: {_described(before)}", file=sys.stderr)
    os.environ[RUN_VARIABLE] = record["id"]

    def release() -> None:
        atexit.unregister(release)
        # SLURM may not have ended all jobs yet: the next run must check.
        if not (slurm_run and _slurm_jobs(slurm_run)):
            (out / RECORD).unlink(missing_ok=True)
        lock.release()

    atexit.register(release)
    return release


def _record(slurm_run: str | None) -> dict[str, Any]:
    return {
        "id": secrets.token_hex(8),
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "user": psutil.Process().username(),
        "since": f"{datetime.now():%Y-%m-%d %H:%M}",
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "folder": str(Path.cwd()),
        "slurm_run": slurm_run,
    }


def _read(out: Path) -> dict[str, Any] | None:
    try:
        return json.loads((out / RECORD).read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise RunLockError(f"{out / RECORD} is damaged ({error}): delete it if no run uses {out}") from error


def _described(record: dict[str, Any]) -> str:
    return "process {pid} on {host}, of {user} since {since}, in {folder}: {command}".format(**record)


def _in_use(out: Path) -> str:
    holder = _read(out)
    dead = f"If that process is dead, delete {out / LOCK}."
    if holder is None:
        return f"{out} is in use by another run. {dead}"
    seen = holder["host"] == socket.gethostname() and psutil.pid_exists(holder["pid"])
    hint = "Wait for it or end it." if seen else dead
    return f"{out} is in use by {_described(holder)}. {hint}"


def _refuse_orphans(out: Path, before: dict[str, Any] | None) -> None:
    """Raise if jobs of a killed run still write to ``out``: this run would start the same jobs again."""
    if before is None:
        return
    if run := before["slurm_run"]:
        if jobs := _slurm_jobs(run):
            raise RunLockError(
                f"{out}: SLURM jobs of a killed run may still write to it ({jobs}). "
                f"Cancel them with `scancel --name {run}`, then start again."
            )
    elif before["host"] == socket.gethostname() and (orphans := _processes(before["id"])):
        pids = " ".join(map(str, orphans))
        raise RunLockError(
            f"{out}: jobs of a killed run still write to it (processes {pids}). "
            f"End them with `kill {pids}`, then start again."
        )


def _processes(run: str) -> list[int]:
    """Processes of a run's jobs on this host."""
    # Another user's environment cannot be read; such processes are not counted.
    found = psutil.process_iter(["environ"])
    return sorted(p.pid for p in found if (p.info["environ"] or {}).get(RUN_VARIABLE) == run)


def _slurm_jobs(run: str) -> str:
    """Description of a run's jobs that SLURM has not ended; empty if there are none."""
    command = ["squeue", "--noheader", f"--name={run}", "--format=%i %T"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip()
        return f"SLURM gives no answer: {said}"
    return ", ".join(listed.splitlines())
