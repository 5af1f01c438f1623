"""Our own checkpoints: what every training and ``import-weights`` write, and every stage reads.

They are safetensors files with a description of the network (``description``) and a checksum.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection
from pathlib import Path
from types import ModuleType
from typing import Any

import safetensors.torch
from torch import nn

from pipeline.files import write_whole
from pipeline.weights import WeightsError
from pipeline.weights.description import Description, describe, read_description, verify
from pipeline.weights.fitting import fit


def write_checkpoint(
    path: Path, network: nn.Module, name: str, args: dict[str, Any], metadata: dict[str, Any]
) -> None:
    """Write a network's weights with its name, its arguments and ``metadata``, atomically.

    Equal content has equal bytes. Raises DiskFullError.
    """
    # Copies: safetensors refuses tensors that share their memory.
    state = {key: value.detach().cpu().contiguous().clone() for key, value in network.state_dict().items()}
    write_whole(path, describe(safetensors.torch.save(state), Description(name, args, metadata)))


def read_own(path: Path) -> dict[str, Any] | None:
    """``network``, ``args``, ``metadata`` and ``state_dict`` (on the CPU) of one of our checkpoints.

    None for any other file. Raises DamagedError if the file was cut or changed after it was written.
    """
    description = read_description(path)
    if description is None:
        return None
    content = path.read_bytes()
    verify(path, content)
    return description._asdict() | {"state_dict": safetensors.torch.load(content)}


def load_weights(network: nn.Module, path: Path, name: str, ignore: Collection[str] = ()) -> None:
    """Load a network without arguments from an imported or published file.

    Args:
        network: changed in place.
        path: the file.
        name: its name in ``import-weights --network``.
        ignore: prefixes of the keys of a published file that are ignored.

    Raises:
        WeightsError: a file of another network, or one that cannot be read or does not fit.
        DamagedError: a checkpoint that is no longer what was written.
    """
    content = read_own(path)
    if content is None:
        published().load_published(network, path, ignore)
        return
    if content["network"] != name:
        raise WeightsError(
            f"{path} holds {content['network']}, expected {name}; give the path of its weights"
        )
    fit(network, content["state_dict"], path)


def published() -> ModuleType:
    """The module that reads published weights, loaded by name on first use.

    An import statement would make jobs with weights trained here depend on its code. Rules whose weights are
    published add it to their fingerprint (docs/decisions/0001-params-and-fingerprints.md).
    """
    return importlib.import_module("pipeline.weights.published")
