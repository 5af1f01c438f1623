"""Snakemake for tests: its imports take two seconds, so one process makes them and forks for each call."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

# Each child is Snakemake as just started: nothing of the workflow or its package has been imported before.
SERVER = """
import json, os, sys
from snakemake import cli
cli.get_argument_parser()
for line in sys.stdin:
    call = json.loads(line)
    if (child := os.fork()) == 0:
        for stream in (1, 2):
            os.dup2(os.open(call["streams"][stream - 1], os.O_WRONLY | os.O_CREAT), stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(call["folder"])
        os.environ.clear()
        os.environ.update(call["environment"])
        sys.argv = ["snakemake", *call["arguments"]]
        cli.main()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def snakemake(folder: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a folder, with the environment of this moment."""
    with tempfile.TemporaryDirectory() as place:
        streams = [f"{place}/stdout", f"{place}/stderr"]
        call = {"folder": str(folder), "arguments": arguments, "environment": dict(os.environ)}
        server = _server()
        server.stdin.write(json.dumps(call | {"streams": streams}) + "\n")
        server.stdin.flush()
        status = int(server.stdout.readline())
        said = [Path(stream).read_text() for stream in streams]
    return subprocess.CompletedProcess(["snakemake", *arguments], status, *said)


@cache
def _server() -> subprocess.Popen[str]:
    """It ends with this process, which holds the other end of its input."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", SERVER], text=True, cwd="/", **pipes)
