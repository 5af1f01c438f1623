"""Resumable training state on disk: whole or absent, and only for the run that wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.errors import DamagedError, PipelineError
from pipeline.training.torch_archive import read_archive, write_archive

REMEDY = "delete it to start the training anew"


def resume_path(out: Path) -> Path:
    """Where a training keeps the state that it can go on from, beside its result."""
    return out.with_suffix(".resume")


def log_folder(out: Path) -> Path:
    """Where a training writes what TensorBoard shows, beside its result."""
    return out.parent / "tensorboard" / out.stem


def save_resume(path: Path, state: dict[str, Any], key: str) -> None:
    """Write ``state`` (tensors, numbers, strings and containers of them) to ``path`` atomically.

    ``key`` identifies the run (for example the JSON of its section and seed): a state is only resumed
    by a run with the same key.
    """
    write_archive(path, {"key": key, "state": state})


def load_resume(path: Path, key: str) -> dict[str, Any] | None:
    """The state that ``save_resume`` wrote under the same ``key``; None if there is none or it is another's.

    Raises DamagedError for a file that is not such a checkpoint, or no longer.
    """
    if not path.is_file():
        return None
    try:
        stored = read_archive(path, REMEDY)
        return stored["state"] if stored["key"] == key else None
    except PipelineError:
        raise
    except Exception as error:  # torch.load's errors have no common base
        raise DamagedError(path, error, REMEDY) from error
