"""Files of ``torch.save``: state dicts, what wraps them, and whole modules."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.weights import WeightsError
from pipeline.weights.pickles import StandIn, Storage, StoredTensor, read_pickle

TRAINING = re.compile(
    r"optim|optimi[sz]er|(lr_)?schedul|(grad_)?scaler|amp$|ema_updater|callbacks|loops", re.I
)
"""Beginnings of keys that hold the state of a training, whose tensors are no weights."""

DTYPES = {
    "Float": torch.float32, "Double": torch.float64, "Half": torch.float16, "BFloat16": torch.bfloat16,
    "Long": torch.int64, "Int": torch.int32, "Short": torch.int16, "Char": torch.int8, "Byte": torch.uint8,
    "Bool": torch.bool,
}  # fmt: skip
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
        content = _load_restricted(path)
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
    fleeting = state.get("_non_persistent_buffers_set") or ()
    found = {}
    for part in ("_parameters", "_buffers"):
        for name, value in (state.get(part) or {}).items():
            if isinstance(value, Tensor) and name not in fleeting:
                found[f"{prefix}{name}"] = value
    for name, child in (state.get("_modules") or {}).items():
        if isinstance(child, StandIn):
            found |= _of_module(child, f"{prefix}{name}.")
    return found


def _load_restricted(path: Path) -> Any:
    content, raw = read_pickle(path)
    try:
        return _with_tensors(content, raw)
    except WeightsError:
        raise
    except (RecursionError, RuntimeError, ValueError, TypeError, KeyError) as error:
        raise WeightsError(f"cannot read {path} as tensors ({error}); get the file again") from error


def _with_tensors(content: Any, raw: Callable[[Storage], bytes]) -> Any:
    """``content`` with tensors in place of their descriptions."""
    if isinstance(content, StoredTensor):
        return _tensor(content, raw)
    if isinstance(content, Mapping):
        return {key: _with_tensors(value, raw) for key, value in content.items()}
    if type(content) in (list, tuple):
        return [_with_tensors(value, raw) for value in content]
    if isinstance(content, StandIn):
        wrapped = content.args[0] if content.args else content.state
        if isinstance(content.state, dict):
            content.state = _with_tensors(content.state, raw)
        # Torch before 0.4 wraps a parameter's tensor in an object.
        elif isinstance(wrapped, StoredTensor):
            return _tensor(wrapped, raw)
        elif isinstance(wrapped, tuple) and wrapped and isinstance(wrapped[0], StoredTensor):
            return _tensor(wrapped[0], raw)
    return content


def _tensor(described: StoredTensor, raw: Callable[[Storage], bytes]) -> Tensor:
    storage, offset, size, stride = described
    if 0 in size:
        return torch.empty(size, dtype=DTYPES[storage.kind])
    numbers = torch.frombuffer(bytearray(raw(storage)), dtype=DTYPES[storage.kind])
    # Refuses sizes and strides that lead beyond the storage.
    return numbers.as_strided(size, stride, offset).clone()
