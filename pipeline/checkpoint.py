"""Resumable training state on disk: whole or absent, and only for the run that wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from pipeline.errors import PipelineError
from pipeline.files import atomic_path


class CheckpointError(PipelineError):
    """A checkpoint that cannot be read; the message names the file and what to do."""


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
    with atomic_path(path) as temporary:
        torch.save({"key": key, "state": state}, temporary)


def load_resume(path: Path, key: str) -> dict[str, Any] | None:
    """The state that ``save_resume`` wrote under the same ``key``; None if there is none or it is another's.

    Raises CheckpointError for a file that is not such a checkpoint.
    """
    if not path.is_file():
        return None
    try:
        stored = torch.load(path, weights_only=True, map_location="cpu")
        if stored["key"] != key:
            return None
        return stored["state"]
    except Exception as error:  # torch.load's errors have no common base
        raise CheckpointError(
            f"{path} is not a resumable checkpoint ({error}); delete it to start anew"
        ) from error
