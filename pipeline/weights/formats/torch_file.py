"""Files of ``torch.save``: state dicts, what wraps them, and whole modules."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.weights import WeightsError
from pipeline.weights.pickles import StandIn, Storage, StoredTensor, read_pickle

WRAPPERS = (
    "params_ema", "params", "state_dict", "model_state_dict", "model_state", "model", "net", "net_g",
    "generator",
)  # fmt: skip
"""Keys that hold the weights inside a checkpoint; the first one found is taken."""

DTYPES = {
    "Float": torch.float32, "Double": torch.float64, "Half": torch.float16, "BFloat16": torch.bfloat16,
    "Long": torch.int64, "Int": torch.int32, "Short": torch.int16, "Char": torch.int8, "Byte": torch.uint8,
    "Bool": torch.bool,
}  # fmt: skip
SHOWN = 12
"""Keys that an error names."""


def read(path: Path) -> dict[str, Tensor]:
    """Named tensors of a torch file, on the CPU, without wrappers and without ``module.``.

    ``torch.load(weights_only=True)`` reads it where it can; files that hold more than tensors (whole modules,
    NumPy's numbers) are read by the restricted unpickler.

    Raises:
        WeightsError: no torch file, or one without named tensors.
    """
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, AttributeError, TypeError, KeyError):
        content = _load_restricted(path)
    state = _state_dict(content)
    if state is None:
        keys = f" with keys {list(content)[:SHOWN]}" if isinstance(content, Mapping) else ""
        raise WeightsError(
            f"{path} holds a {type(content).__name__}{keys}; expected named tensors, a module of torch, "
            f"or one of them under one of {', '.join(WRAPPERS)}"
        )
    while all(key.startswith("module.") for key in state):
        state = {key.removeprefix("module."): value for key, value in state.items()}
    return state


def _state_dict(content: Any) -> dict[str, Tensor] | None:
    """Named tensors inside of ``content``; None where there are none."""
    while isinstance(content, Mapping) and not _is_state_dict(content):
        held = next((content[k] for k in WRAPPERS if isinstance(content.get(k), Mapping | StandIn)), None)
        if held is None:
            return None
        content = held
    if isinstance(content, StandIn):
        content = _of_module(content, "")
    return dict(content) if isinstance(content, Mapping) and _is_state_dict(content) else None


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
