"""Weights of checkpoints into networks, whatever wrapping and key style they come in."""

from __future__ import annotations

import pickle
import re
from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline.errors import PipelineError

WRAPPERS = ("params_ema", "params", "state_dict", "model")
"""Keys that hold the weights inside a checkpoint; the first one found is taken."""

LONGEST_LIST = 12
"""Keys of one sort that an error names before it only counts."""


class WeightsError(PipelineError, ValueError):
    """A checkpoint that cannot be opened or does not fit; the message says which keys."""


def load_weights(network: nn.Module, path: Path, ignore: Collection[str] = ()) -> None:
    """Load a checkpoint into a network, all keys or none.

    Understood: wrappers ``params_ema``, ``params``, ``state_dict``, ``model``; ``module.`` prefixes;
    ESRGAN's three key styles; batch-normalisation tensors of shape [1, C]; checkpoints older than
    ``num_batches_tracked``.

    Args:
        network: changed in place.
        path: a .pth or .pt file; only tensors are read from it, never code.
        ignore: beginnings of keys that are left out (VGG's ``classifier.``).

    Raises:
        WeightsError: no such file, a file that holds code or is no checkpoint, or keys that are
            missing, unexpected or of another shape.

    Source: docs/facts.md, section 5.
    """
    own = network.state_dict()
    state = {
        key: value
        for key, value in esrgan_keys(read_state_dict(path), own).items()
        if not key.startswith(tuple(ignore))
    }
    for key, value in state.items():
        if key in own and value.shape != own[key].shape and value.shape == (1, *own[key].shape):
            state[key] = value[0]
    optional = {key for key in own if key.endswith(".num_batches_tracked")}
    missing = [key for key in own if key not in state and key not in optional]
    unexpected = [key for key in state if key not in own and not key.endswith(".num_batches_tracked")]
    misshaped = [
        f"{key} is {tuple(state[key].shape)}, expected {tuple(own[key].shape)}"
        for key in own
        if key in state and state[key].shape != own[key].shape
    ]
    if missing or unexpected or misshaped:
        parts = {"missing": missing, "unexpected": unexpected, "mis-shaped": misshaped}
        found = "; ".join(_listed(name, keys) for name, keys in parts.items() if keys)
        raise WeightsError(
            f"{path} does not fit {type(network).__name__}: {found}. "
            "Give the network's arguments (args) that the checkpoint was trained with, or another file"
        )
    network.load_state_dict({key: state.get(key, own[key]) for key in own})


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by key, on the CPU, without wrappers and ``module.`` prefixes.

    Raises:
        WeightsError: no such file, a file that holds code, or one without named tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"no weights at {path}: put the checkpoint there or change its path in the config")
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsError(
            f"cannot read {path} as tensors only ({reason}); expected a .pth or .pt file of a state dict: "
            "a pickled module must be saved again as its state_dict()"
        ) from error
    while isinstance(content, Mapping) and not _is_state_dict(content):
        wrapper = next((key for key in WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if wrapper is None:
            break
        content = content[wrapper]
    if not isinstance(content, Mapping) or not _is_state_dict(content):
        keys = f" with keys {list(content)[:LONGEST_LIST]}" if isinstance(content, Mapping) else ""
        raise WeightsError(
            f"{path} holds a {type(content).__name__}{keys}; expected named tensors, "
            f"or those under one of {', '.join(WRAPPERS)}"
        )
    state = dict(content)
    while all(key.startswith("module.") for key in state):
        state = {key.removeprefix("module."): value for key, value in state.items()}
    return state


def _is_state_dict(content: Mapping) -> bool:
    return bool(content) and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items())


def _listed(name: str, keys: list[str]) -> str:
    more = f" and {len(keys) - LONGEST_LIST} more" if len(keys) > LONGEST_LIST else ""
    return f"{len(keys)} {name}: {', '.join(keys[:LONGEST_LIST])}{more}"


MIDDLE_ESRGAN = {
    "RRDB_trunk.": "body.",
    "trunk_conv.": "conv_body.",
    "upconv1.": "conv_up1.",
    "upconv2.": "conv_up2.",
    "HRconv.": "conv_hr.",
}
"""ESRGAN's middle key style: beginnings of keys and what they are called now."""

OLD_ESRGAN = {"0": "conv_first", "3": "conv_up1", "6": "conv_up2", "8": "conv_hr", "10": "conv_last"}
"""ESRGAN's old key style: places in its sequence and what they are called now."""


def esrgan_keys(state: Mapping[str, Tensor], own: Collection[str]) -> dict[str, Tensor]:
    """Rename ESRGAN's old and middle keys to the current ones, for a network that has those.

    Old: ``model.0``, ``model.1.sub.N.RDB1.conv1.0``, ``model.1.sub.<blocks>`` (after the blocks),
    ``model.3`` ...; middle: ``RRDB_trunk.N.RDB1.conv1``, ``trunk_conv``, ``upconv1`` ...

    Args:
        state: tensors by their keys in the checkpoint.
        own: the network's keys; others than RRDBNet's leave ``state`` as it is.
    """
    if "conv_first.weight" not in own:
        return dict(state)
    renamed = {}
    for key, value in state.items():
        new = key
        if match := re.fullmatch(r"model\.1\.sub\.(\d+)\.RDB([123])\.conv([1-5])\.0\.(weight|bias)", key):
            new = "body.{}.rdb{}.conv{}.{}".format(*match.groups())
        elif match := re.fullmatch(r"model\.1\.sub\.\d+\.(weight|bias)", key):
            new = f"conv_body.{match[1]}"
        elif (match := re.fullmatch(r"model\.(\d+)\.(weight|bias)", key)) and match[1] in OLD_ESRGAN:
            new = f"{OLD_ESRGAN[match[1]]}.{match[2]}"
        else:
            for old, current in MIDDLE_ESRGAN.items():
                if key.startswith(old):
                    new = current + key.removeprefix(old).replace(".RDB", ".rdb")
        renamed[new] = value
    return renamed
