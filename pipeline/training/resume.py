"""Training state on disk from which an interrupted run resumes: complete or absent, tied to its run."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch

from pipeline.errors import DamagedError, PipelineError
from pipeline.request import Request
from pipeline.training.torch_archive import read_archive, write_archive

if TYPE_CHECKING:
    from pipeline.training.log import TrainingLog

REMEDY = "delete it to start the training anew"


class Part(Protocol):
    """Part of a training with state: a network, or an optimiser with its schedule."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any], /) -> Any: ...


def run_key(request: Request, code: str, files: Iterable[Path], *content: Any) -> str:
    """Digest of everything that determines a training's result; with another digest it starts anew.

    Args:
        request: the training's request.
        code: digest of the source code.
        files: files that it reads, hashed whole.
        content: values that identify everything else that it reads, serialisable as JSON.
    """
    digests = []
    for path in files:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    values = [request.text(), code, digests, content, torch.__version__]
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()


class TrainingState:
    """Saved state of a training of ``total`` steps, beside its result ``out``.

    Only a state with the same ``key`` is restored. The state is saved every ``steps`` steps or ``seconds``.

    Attributes:
        step: number of steps done when the state was saved; 0 if this run has no saved state.
    """

    def __init__(
        self, out: Path, key: str, total: int, *, steps: int | None = None, seconds: float | None = None
    ) -> None:
        self.path, self.key, self.total = out.with_suffix(".resume"), key, total
        self._steps, self._seconds, self._saved = steps, seconds, time.monotonic()
        self._state = load_resume(self.path, key) or {"step": 0}
        self.step: int = self._state["step"]

    def restore(self, parts: Mapping[str, Part]) -> None:
        """Restore ``parts`` and the random number generators; does nothing without a saved state.

        Call it once, after everything is built, because building draws random numbers.
        """
        if not self.step:
            return
        for name, part in parts.items():
            part.load_state_dict(self._state.pop(name))
        torch.set_rng_state(self._state["random"])
        if self._state["cuda_random"] and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(self._state["cuda_random"])

    def keep(self, step: int, parts: Mapping[str, Part], log: TrainingLog) -> None:
        """Save ``parts`` after step ``step`` if a save is due. Raises like ``log.check``.

        Batches depend only on the seed and the step, so they need no saved state.
        """
        if step == self.total or not self._is_due(step):
            return
        log.check(step)
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        state = {"step": step, "random": torch.get_rng_state(), "cuda_random": cuda}
        save_resume(self.path, state | {name: part.state_dict() for name, part in parts.items()}, self.key)
        self._saved = time.monotonic()

    def remove(self) -> None:
        """Remove the state of a finished training."""
        self.path.unlink(missing_ok=True)

    def _is_due(self, step: int) -> bool:
        if self._steps is not None:
            return step % self._steps == 0
        return self._seconds is not None and time.monotonic() - self._saved >= self._seconds


def save_resume(path: Path, state: dict[str, Any], key: str) -> None:
    """Write ``state`` (tensors, numbers, strings and containers of them) to ``path`` atomically.

    ``key`` identifies the run (``run_key``); only a run with the same key resumes from the state.
    """
    write_archive(path, {"key": key, "state": state})


def load_resume(path: Path, key: str) -> dict[str, Any] | None:
    """The state that ``save_resume`` wrote with the same ``key``; None if there is none.

    Raises DamagedError for a file that is damaged or is no such state.
    """
    if not path.is_file():
        return None
    try:
        stored = read_archive(path, REMEDY)
        if stored["key"] == key:
            state: dict[str, Any] = stored["state"]
            return state
    except PipelineError:
        raise
    except Exception as error:  # torch.load's errors have no common base
        raise DamagedError(path, error, REMEDY) from error
    print(f"{path} is of another recipe, other data or other code: training starts anew")
    return None
