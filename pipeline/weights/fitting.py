"""Loads tensors into a network, all or none, and lists what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from pipeline.weights import WeightsError

COUNTER = "num_batches_tracked"
"""Batch normalisation's counter, which checkpoints before PyTorch 0.4.1 and other frameworks lack."""

LONGEST_LIST = 12
"""Number of keys of one kind that an error names; it counts the others."""


def fit(network: nn.Module, state: Mapping[str, Tensor], path: Path, optional: str | None = None) -> None:
    """Load ``state``, under the network's own keys, into ``network``.

    Tensors whose shape differs from the network's only by axes of length one ([1, C] for [C], as in ports
    from Caffe) are reshaped.

    Args:
        network: changed in place, unless an error is raised.
        state: tensors by key.
        path: their file, for the message.
        optional: a module of the network whose keys may be missing.

    Raises:
        WeightsError: keys that are missing, unexpected or of another shape.
    """
    own = network.state_dict()
    shaped = {key: reshaped(value, own[key]) if key in own else value for key, value in state.items()}
    spared = () if optional is None else (f"{optional}.",)
    missing = [k for k in own if k not in shaped and not k.endswith(COUNTER) and not k.startswith(spared)]
    unexpected = [key for key in shaped if key not in own and not key.endswith(COUNTER)]
    misshaped = [
        f"{key} is {tuple(shaped[key].shape)}, expected {tuple(own[key].shape)}"
        for key in own
        if key in shaped and shaped[key].shape != own[key].shape
    ]
    if missing or unexpected or misshaped:
        parts = {"missing": missing, "unexpected": unexpected, "mis-shaped": misshaped}
        found = "; ".join([*_kinds(network, shaped), *(_listed(*part) for part in parts.items() if part[1])])
        raise WeightsError(
            f"{path} does not fit {type(network).__name__}: {found}. "
            "Give the network's arguments (args) that the checkpoint was trained with, or another file"
        )
    network.load_state_dict({key: shaped.get(key, own[key]) for key in own})


def reshaped(value: Tensor, wanted: Tensor) -> Tensor:
    """``value`` in the shape of ``wanted`` if the shapes differ only by axes of length one."""
    without_ones = [[n for n in tensor.shape if n != 1] for tensor in (value, wanted)]
    if value.ndim != wanted.ndim and without_ones[0] == without_ones[1]:
        return value.reshape(wanted.shape)
    return value


def _kinds(network: nn.Module, state: Mapping[str, Tensor]) -> list[str]:
    """Explains a recogniser with other classes or of the other stream; one line per backbone."""
    wrong = {}
    for prefix in ("", "appearance.", "motion."):
        backbone = getattr(network, prefix[:-1], None) if prefix else network
        for layer, axis, what in (("classifier", 0, "classes"), ("first_conv", 1, "input channels")):
            key = f"{prefix}{getattr(backbone, layer, None)}.weight"
            wanted, value = network.state_dict().get(key), state.get(key)
            if wanted is None or value is None or value.ndim <= axis:
                continue
            found, expected = value.shape[axis], wanted.shape[axis]
            stream = "" if axis == 0 else " (a network of RGB)" if found == 3 else " (a network of flow)"
            if found != expected:
                wrong[what] = f"it is of {found} {what}{stream}, expected {expected}"
    return list(wrong.values())


def _listed(name: str, keys: list[str]) -> str:
    more = f" and {len(keys) - LONGEST_LIST} more" if len(keys) > LONGEST_LIST else ""
    return f"{len(keys)} {name}: {', '.join(keys[:LONGEST_LIST])}{more}"
