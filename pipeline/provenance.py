"""Record of the runs that made the results in a folder: ``provenance.json``, newest run last.

A run adds its entry before its first job, and the finished jobs at its end. Each machine that computes a job
describes itself in ``provenance/RUN/``. These descriptions move into the entry at the end of the run, or at
the start of the next one if the run was killed. The record starts no job; only the last line of Table 4's
Markdown is derived from it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline import environment
from pipeline.config import Config
from pipeline.config.needs import find_needs
from pipeline.errors import PipelineError
from pipeline.files import atomic_path
from pipeline.weights.location import resolve
from pipeline.weights.provenance import describe_file


class ProvenanceError(PipelineError):
    """The record of earlier runs cannot be read."""


def begin_run(
    config: Config,
    files: Iterable[Path | str],
    changes: Mapping[str, Any],
    cores: int | None,
    planned: Iterable[tuple[str, str]],
) -> None:
    """Add a run to the record of its output folder, and make its jobs describe their machines.

    Args:
        config: the checked configuration.
        files: configuration files, in the order in which they were merged.
        changes: keys given on the command line.
        cores: number of cores that the run may use on this machine; None on a cluster.
        planned: rule and wildcards of each planned job.
    Raises:
        ProvenanceError: the record of earlier runs is damaged.
    """
    now = datetime.now(UTC)
    run: dict[str, Any] = {
        "id": f"{now:%Y%m%dT%H%M%S.%f}-{os.getpid()}",
        "started": now.isoformat(timespec="seconds"),
        "ended": None,
        "status": "not ended: it runs, or was killed",
        "code": environment.code(),
        "configuration": {
            "files": [str(path) for path in files],
            "command_line": dict(changes),
            "content": config.model_dump(mode="json"),
        },
        "weights": _weights(config),
        "cores": cores,
        "planned": _by_rule(planned),
        "finished": {},
        "environments": [],
    }
    runs = read_runs(config.output)
    for earlier in runs:
        _collect(config.output, earlier)
    _write(config.output, [*runs, run])
    os.environ[environment.FOLDER] = str(_folder(config.output, run).absolute())


def end_run(output: Path, status: str, finished: Iterable[tuple[str, str]]) -> None:
    """Complete the entry of the run that this process began, if it began one."""
    name = Path(os.environ.pop(environment.FOLDER, "")).name
    runs = read_runs(output)
    for run in runs:
        if run["id"] == name:
            run |= {"ended": datetime.now(UTC).isoformat(timespec="seconds"), "status": status}
            run["finished"] = _by_rule(finished)
            if status == "complete":
                del run["planned"]
            _collect(output, run)
            _write(output, runs)


def read_runs(output: Path) -> list[dict[str, Any]]:
    """The recorded runs of an output folder, oldest first.

    Raises:
        ProvenanceError: the file is damaged.
    """
    path = output / "provenance.json"
    try:
        runs = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(runs, list) or not all(isinstance(run["id"], str) for run in runs):
            raise TypeError
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, KeyError):
        raise ProvenanceError(f"{path}: is not a list of runs; move it away or restore a copy") from None
    return runs


def described_machines(output: Path, run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Machines that computed jobs of a run of ``read_runs``, also if it has not ended."""
    found = sorted(_folder(output, run).glob("[!.]*.json"))
    return [*run["environments"], *(json.loads(path.read_text(encoding="utf-8")) for path in found)]


def _write(output: Path, runs: list[dict[str, Any]]) -> None:
    with atomic_path(output / "provenance.json") as path:
        path.write_text(json.dumps(runs, indent=1, default=str) + "\n", encoding="utf-8")


def _folder(output: Path, run: Mapping[str, Any]) -> Path:
    return output / "provenance" / run["id"]


def _collect(output: Path, run: dict[str, Any]) -> None:
    """Move the machine descriptions of a run's jobs into its entry."""
    folder = _folder(output, run)
    run["environments"] = described_machines(output, run)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.parent.is_dir() and not any(folder.parent.iterdir()):
        folder.parent.rmdir()


def _by_rule(jobs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Wildcards of the jobs of each rule."""
    found: dict[str, list[str]] = {}
    for rule, wildcards in sorted(jobs):
        found.setdefault(rule, []).append(wildcards)
    return found


def _weights(config: Config) -> dict[str, dict[str, str]]:
    """Path and SHA-256 of each weights file that the configuration names, by key."""
    paths = {n.key: n.path for n in find_needs(config) if "weights" in n.key and n.path and n.path.is_file()}
    for name, recognizer in config.recognition.recognizers.items():
        if recognizer.initial_weights:
            path = resolve(recognizer.initial_weights)
            paths[f"recognition.recognizers.{name}.initial_weights"] = path
    return {
        key: {"path": str(path), "sha256": describe_file(path, "")["sha256"]} for key, path in paths.items()
    }
