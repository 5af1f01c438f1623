"""Message for a job that ran out of memory: which job, what it had requested, what to lower.

The shell of every rule calls ``python -m pipeline.out_of_memory STATUS < COMMAND`` when the kernel kills its
command (Snakefile), because a killed process leaves an empty log.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

# Keys that bound the memory of a stage; names in braces are arguments or fields of the request.
BOUNDS = {
    "train-sr": "superres.models.{name}.training.batch_size or its crop",
    "super-resolve": "superres.batch_pixels",
    "train-recognizer": "micro_batch of the {part[stream]} stream of the recogniser",
}
# Other signals (Ctrl-C, scancel, time-out) are intended.
SIGNALS: dict[int, str] = {
    signal.SIGKILL: "killed, as the kernel does when memory runs out",
    signal.SIGSEGV: "ended by a segmentation fault, as happens when memory or the disk runs out",
    signal.SIGABRT: "aborted, as happens when memory runs out",
    signal.SIGBUS: "ended by a bus error, as happens when the disk or shared memory runs out",
}
# Messages of libraries that got no memory, and of processes whose child was killed by the kernel.
SIGNS = ("out of memory", "allocate memory", "nsufficient memory", "signal SIGKILL", "signal: Killed")


def ran_out(error: Exception) -> bool:
    """Whether an error means out of memory: raised by numpy, torch or OpenCV, or a worker was killed."""
    return isinstance(error, MemoryError) or any(sign in str(error) for sign in SIGNS)


def advice(arguments: list[str]) -> str:
    """What a job had requested and what to lower; ``arguments``: [stage, "--argument", "value", ...]."""
    stage, *rest = arguments
    values = {name[2:]: value for name, value in pairwise(rest) if name.startswith("--")}
    values = json.loads(values.get("request", "{}")) | values
    bound = BOUNDS.get(stage, "").format_map(values)
    lower = f"Lower {bound}, or " if bound else "Its memory does not grow with the data: "
    asked = f"It had requested {os.environ.get('OMP_NUM_THREADS', '1')} thread(s) and"
    if job := os.environ.get("SLURM_JOB_ID"):
        return f"{asked} {_granted(job)} of memory. {lower}give its rule more mem_mb in the profile."
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{asked} no share of the memory ({machine:.1f} GB). {lower}run fewer jobs at once (--cores)."


def _granted(job: str) -> str:
    """Memory of a SLURM job as SLURM writes it, such as 4000M; job steps lack it in their environment."""
    command = ["squeue", "--noheader", f"--jobs={job}", "--format=%m"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "its rule's mem_mb"


def report(status: int, command: str) -> None:
    """Report on the terminal and in the job's log which job was killed, if memory can be the reason."""
    words = shlex.split(command)
    at = len(words) - words[::-1].index("pipeline")
    log = Path(words[words.index("2>", at) + 1])
    # OUTPUT/logs/RULE/JOB.log, or OUTPUT/logs/RULE.log
    rule = log.stem if log.parent.name == "logs" else f"{log.parent.name} {log.stem}"
    what = SIGNALS.get(status - 128)
    if what is None:
        return
    line = f"{rule}: {what}. {advice(words[at:])}"
    print(line, file=sys.stderr)
    with log.open("a") as file:
        print(line, file=file)


if __name__ == "__main__":
    report(int(sys.argv[1]), sys.stdin.read())
