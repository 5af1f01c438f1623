"""Resumable training state on disk: whole or absent, and only for the run that wrote it."""

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
    """Part of a training that changes with its steps: a network, an optimiser with its schedule."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any], /) -> Any: ...


def run_key(request: Request, code: str, files: Iterable[Path], *content: Any) -> str:
    """A digest of all that decides what a training ends with: another one starts anew.

    Args:
        request: what it is asked.
        code: digest of the source.
        files: what it reads, by its bytes.
        content: values that stand for what else it reads, for JSON.
    """
    digests = []
    for path in files:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    values = [request.text(), code, digests, content, torch.__version__]
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()


class TrainingState:
    """Where a training of ``total`` steps stands on disk, beside its result ``out``.

    Only the state of the run ``key`` is restored. One is saved every so many ``steps``, or ``seconds``.

    Attributes:
        step: steps that were done when the state was saved; 0 where there is none of this run.
    """

    def __init__(
        self, out: Path, key: str, total: int, *, steps: int | None = None, seconds: float | None = None
    ) -> None:
        self.path, self.key, self.total = out.with_suffix(".resume"), key, total
        self._steps, self._seconds, self._saved = steps, seconds, time.monotonic()
        self._state = load_resume(self.path, key) or {"step": 0}
        self.step: int = self._state["step"]

    def restore(self, parts: Mapping[str, Part]) -> None:
        """Bring ``parts`` and random numbers to where they were saved; nothing where there is no state.

        Call it when everything is built, because building draws random numbers. A part is restored once.
        """
        if not self.step:
            return
        for name, part in parts.items():
            part.load_state_dict(self._state.pop(name))
        torch.set_rng_state(self._state["random"])
        if self._state["cuda_random"] and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(self._state["cuda_random"])

    def keep(self, step: int, parts: Mapping[str, Part], log: TrainingLog) -> None:
        """Save ``parts`` after step ``step``, if it is time to; raises TrainingError as ``log.check``.

        Batches depend on the seed and the step alone, so nothing of them is saved.
        """
        if step == self.total or not self._is_due(step):
            return
        log.check(step)
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        state = {"step": step, "random": torch.get_rng_state(), "cuda_random": cuda}
        save_resume(self.path, state | {name: part.state_dict() for name, part in parts.items()}, self.key)
        self._saved = time.monotonic()

    def remove(self) -> None:
        """Remove the state of a training that is done."""
        self.path.unlink(missing_ok=True)

    def _is_due(self, step: int) -> bool:
        if self._steps is not None:
            return step % self._steps == 0
        return self._seconds is not None and time.monotonic() - self._saved >= self._seconds


def save_resume(path: Path, state: dict[str, Any], key: str) -> None:
    """Write ``state`` (tensors, numbers, strings and containers of them) to ``path`` atomically.

    ``key`` identifies the run (``run_key``): a state is only resumed by a run with the same key.
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
        if stored["key"] == key:
            state: dict[str, Any] = stored["state"]
            return state
    except PipelineError:
        raise
    except Exception as error:  # torch.load's errors have no common base
        raise DamagedError(path, error, REMEDY) from error
    print(f"{path} is of another recipe, other data or other code: training starts anew")
    return None
