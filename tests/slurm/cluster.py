"""A real SLURM on one machine: munge, slurmctld and three slurmd on loopback, no systemd, no cgroups.

By hand, from the project's root, as root: ``.venv/bin/python tests/slurm/cluster.py`` prints the variables
to export, and stops the cluster on Ctrl-C.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

HERE = Path(__file__).parent
NODES = ("c1", "c2", "g1")
COMMANDS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "sinfo", "setpriv")
START_SECONDS = 60
# The plugin waits longer after each answer without news, for jobs of hours; this one asks every two seconds.
EAGER = """import asyncio
from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
RemoteExecutor.sleep = lambda self: asyncio.sleep(2)
main()
"""
SNAKEMAKE = [sys.executable, "-c", EAGER]
"""Snakemake for jobs of seconds; its arguments follow."""
_CONTROLLERS: list[subprocess.Popen] = []
"""Those that without_controller started; they end with the cluster."""


class ClusterError(RuntimeError):
    """The cluster did not start; the message holds the end of its logs."""


def missing_commands() -> list[str]:
    """Names of the commands that the cluster needs and that this machine lacks."""
    return [name for name in COMMANDS if _which(name) is None]


@contextmanager
def cluster(folder: Path) -> Iterator[dict[str, str]]:
    """Run a cluster as long as the block lasts, and yield the environment that its users need.

    Args:
        folder: its configuration, state and logs; must exist.
    Raises:
        ClusterError: if this is not root, a command is missing or the nodes do not come up.
    """
    if os.geteuid() != 0:
        raise ClusterError(f"a SLURM cluster must be started by root, this is uid {os.geteuid()}")
    if missing := missing_commands():
        raise ClusterError(f"{', '.join(missing)} not found; run {HERE / 'install.sh'} as root")
    with ExitStack() as stack:
        # A socket's path may have 107 characters; a test's folder can be deeper than that.
        munge = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="munge-", dir="/tmp")))
        munge.chmod(0o755)
        environment = _write_configuration(folder, munge / "socket")
        _start_munge(stack, folder, munge)
        (folder / "state").mkdir()
        _start(stack, folder / "slurmctld.out", ["slurmctld", "-D"], environment)
        stack.callback(lambda: [_stop(each) for each in _CONTROLLERS])
        for node in NODES:
            (folder / f"spool.{node}").mkdir()
            _start(stack, folder / f"slurmd.{node}.out", ["slurmd", "-D", "-N", node], environment)
        _wait_until(lambda: _nodes_up(environment) == len(NODES), "nodes do not come up", folder)
        stack.callback(_cancel_jobs, environment)
        yield environment


@contextmanager
def without_controller(environment: dict[str, str]) -> Iterator[None]:
    """Stop the controller of a running cluster, and start it again, with its state, when the block ends."""
    folder = Path(environment["SLURM_CONF"]).parent
    pid = int((folder / "slurmctld.pid").read_text())
    os.kill(pid, signal.SIGTERM)
    _wait_until(lambda: not _runs(pid), "slurmctld does not stop", folder)
    try:
        yield
    finally:
        with (folder / "slurmctld.out").open("ab") as out:
            command = _with_this_process("slurmctld", "-D")
            _CONTROLLERS.append(subprocess.Popen(command, env=environment, stdout=out, stderr=out))
        _wait_until(lambda: _output(["squeue"], environment), "slurmctld does not start again", folder)


def _runs(pid: int) -> bool:
    with suppress(FileNotFoundError):
        return "(slurmctld) Z" not in Path(f"/proc/{pid}/stat").read_text()
    return False


def _with_this_process(command: str, *arguments: str) -> list[str]:
    """A daemon in the foreground, killed when this process ends."""
    return ["setpriv", "--pdeathsig", "KILL", _which(command), *arguments]


def _which(command: str) -> str | None:
    return shutil.which(command, path=f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin")


def _write_configuration(folder: Path, munge_socket: Path) -> dict[str, str]:
    # All are bound at once, so that they differ; they are free again before the daemons start.
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(1 + len(NODES))]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        ports = [each.getsockname()[1] for each in sockets]
    names = ("controller", *NODES)
    values = {f"{name}_port": port for name, port in zip(names, ports, strict=True)}
    values |= {"folder": folder, "socket": munge_socket, "host": socket.gethostname().split(".")[0]}
    configuration = folder / "slurm.conf"
    configuration.write_text((HERE / "slurm.conf.in").read_text().format(**values))
    # A GPU without a device file is not registered; any character device passes for one.
    (folder / "gres.conf").write_text("NodeName=g1 Name=gpu File=/dev/null,/dev/zero\n")
    # snakemake-executor-plugin-slurm-jobstep drops SLURM_CONF before it calls srun.
    wrapper = folder / "bin" / "srun"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nSLURM_CONF={configuration} exec {_which("srun")} "$@"\n')
    wrapper.chmod(0o755)
    return os.environ | {
        "SLURM_CONF": str(configuration),
        "PATH": f"{wrapper.parent}:{os.environ['PATH']}",
    }


def _start_munge(stack: ExitStack, folder: Path, munge: Path) -> None:
    key = munge / "key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o600)
    # --force: a parent folder that others may write to, such as /tmp, is a warning only.
    options = [f"--{name}={munge / name}" for name in ("socket", "pid-file", "log-file", "seed-file")]
    command = ["munged", "--foreground", "--force", f"--key-file={key}", *options]
    _start(stack, folder / "munged.out", command, dict(os.environ))
    _wait_until((munge / "socket").exists, "munged does not open its socket", folder)


def _start(stack: ExitStack, output: Path, command: list[str], environment: dict[str, str]) -> None:
    """Start a daemon; it ends with the block, or with this process if that is killed."""
    with output.open("wb") as out:
        process = subprocess.Popen(
            _with_this_process(*command),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    stack.callback(_stop, process)


def _stop(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _cancel_jobs(environment: dict[str, str]) -> None:
    """End the jobs first: the processes that run them outlive slurmd."""
    subprocess.run(["scancel", "--user=root"], env=environment, timeout=30, check=False)
    deadline = time.monotonic() + 15
    while _output(["squeue", "--noheader"], environment) and time.monotonic() < deadline:
        time.sleep(0.1)


def _nodes_up(environment: dict[str, str]) -> int:
    states = _output(["sinfo", "--noheader", "--Node", "--format=%t"], environment).split()
    return states.count("idle")


def _output(command: list[str], environment: dict[str, str]) -> str:
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30).stdout


def _wait_until(condition: Callable[[], bool], problem: str, folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            logs = [*sorted(folder.glob("*.log")), *sorted(folder.glob("*.out"))]
            tails = [f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in logs]
            raise ClusterError("\n".join([f"{problem} in {START_SECONDS} s", *tails]))
        time.sleep(0.1)


def main() -> None:
    """Run a cluster until Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, cluster(Path(folder)) as environment:
        print(f"export SLURM_CONF={environment['SLURM_CONF']} PATH={environment['PATH'].split(':')[0]}:$PATH")
        print("Ctrl-C stops the cluster.", flush=True)
        with suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
