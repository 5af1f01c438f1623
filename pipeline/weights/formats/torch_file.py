"""Files of ``torch.save``: state dicts, what wraps them, and whole modules."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.weights import WeightsError
from pipeline.weights.pickles import StandIn, read_pickle

TRAINING = re.compile(
    r"optim|optimi[sz]er|(lr_)?schedul|(grad_)?scaler|amp$|ema_updater|callbacks|loops", re.I
)
"""Beginnings of keys that hold the state of a training, whose tensors are no weights."""

EARLIER = {"network", "args", "state_dict", "metadata"}
"""Keys of the checkpoints that this pipeline wrote before they were files of safetensors."""
SHOWN = 12
"""Keys that an error names."""


def read(path: Path) -> dict[str, dict[str, Tensor]]:
    """All sets of named tensors in a torch file, on the CPU, by the keys that they lie under.

    ``torch.load(weights_only=True)`` reads it where it can; files that hold more than tensors (whole modules,
    NumPy's numbers) are read by the restricted unpickler.

    Raises:
        WeightsError: no torch file, or one without named tensors.
    """
    try:
        # Mapped: a check of names and shapes reads no more than it looks at.
        content = torch.load(path, weights_only=True, map_location="cpu", mmap=zipfile.is_zipfile(path))
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, AttributeError, TypeError, KeyError):
        content = _unwrapped(read_pickle(path))
    if isinstance(content, Mapping) and content.keys() == EARLIER:
        raise WeightsError(
            f"{path} is a checkpoint of an earlier version of this pipeline; train it again, or save its "
            "tensors (torch.save(torch.load(FILE)['state_dict'], NEW)) and import those with import-weights, "
            "a recogniser's with the data set and split that it was trained on"
        )
    sets = dict(_sets(content, ""))
    if not sets:
        keys = f" with keys {list(content)[:SHOWN]}" if isinstance(content, Mapping) else ""
        arrays = isinstance(content, Mapping) and any(map(_is_array, content.values()))
        hint = "; they are NumPy's arrays: save torch.from_numpy of each" if arrays else ""
        raise WeightsError(
            f"{path} holds a {type(content).__name__}{keys}; expected named tensors or a module of torch, at "
            f"the top or under any key{hint}"
        )
    return sets


def _sets(content: Any, place: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """State dicts and modules inside of ``content``, each with its keys joined by dots."""
    if isinstance(content, StandIn):
        content = _of_module(content, "")
    if isinstance(content, Mapping) and _is_state_dict(content):
        yield place, dict(content)
    elif isinstance(content, Mapping | list | tuple):
        items = content.items() if isinstance(content, Mapping) else enumerate(content)
        for key, value in items:
            if not TRAINING.match(str(key)):
                yield from _sets(value, f"{place}.{key}" if place else str(key))


def _is_array(value: Any) -> bool:
    return isinstance(value, StandIn) and type(value).__name__ == "_reconstruct"


def _is_state_dict(content: Mapping) -> bool:
    return bool(content) and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items())


def _of_module(module: StandIn, prefix: str) -> dict[str, Tensor]:
    """State dict of a saved ``nn.Module``, by the three dictionaries that every module has."""
    state = module.state if isinstance(module.state, dict) else {}
    unsaved = state.get("_non_persistent_buffers_set") or ()
    found = {}
    for part in ("_parameters", "_buffers"):
        for name, value in (state.get(part) or {}).items():
            if isinstance(value, Tensor) and name not in unsaved:
                found[f"{prefix}{name}"] = value
    for name, child in (state.get("_modules") or {}).items():
        if isinstance(child, StandIn):
            found |= _of_module(child, f"{prefix}{name}.")
    return found


def _unwrapped(content: Any) -> Any:
    """``content`` with tensors in place of what torch before 0.4 wraps a parameter's tensor in."""
    if isinstance(content, Mapping):
        return {key: _unwrapped(value) for key, value in content.items()}
    if type(content) in (list, tuple):
        return [_unwrapped(value) for value in content]
    if isinstance(content, StandIn):
        wrapped = content.args[0] if content.args else content.state
        wrapped = wrapped[0] if isinstance(wrapped, tuple) and wrapped else wrapped
        if isinstance(content.state, dict):
            content.state = _unwrapped(content.state)
        elif isinstance(wrapped, Tensor):
            return wrapped
    return content
