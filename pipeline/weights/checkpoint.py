"""Our own checkpoint format: what every training and ``import-weights`` write, and every stage reads.

A file of torch that opens with ``weights_only=True``: a dict of ``network`` (name), ``args`` (of its
constructor), ``state_dict`` (on the CPU) and ``metadata`` (plain numbers, strings and containers of them).
"""

from __future__ import annotations

import importlib
from collections.abc import Collection
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from pipeline.errors import DamagedError
from pipeline.torch_archive import is_archive, read_archive, write_archive
from pipeline.weights import WeightsError
from pipeline.weights.fitting import fit

KEYS = {"network", "args", "state_dict", "metadata"}
REMEDY = "if a run made it, delete it, and the next run makes it again; otherwise get it again"
"""What to do about damaged weights."""


def write_checkpoint(
    path: Path, network: nn.Module, name: str, args: dict[str, Any], metadata: dict[str, Any]
) -> None:
    """Write a network's weights with its name, its arguments and ``metadata`` (``torch_archive``)."""
    state = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    write_archive(path, {"network": name, "args": args, "state_dict": state, "metadata": metadata})


def read_own(path: Path) -> dict[str, Any] | None:
    """What ``write_checkpoint`` wrote, on the CPU; None for any other file.

    Raises DamagedError for a file of torch, ours or published, that was cut or changed after it was written.
    """
    if not is_archive(path):
        return None
    try:
        content = read_archive(path, REMEDY)
    except DamagedError:
        raise
    except Exception:  # torch.load's errors have no common base; whoever imports the file tells its fault
        return None
    return content if isinstance(content, dict) and content.keys() >= KEYS else None


def load_weights(network: nn.Module, path: Path, name: str, ignore: Collection[str] = ()) -> None:
    """Load a network that has no arguments from an imported or a published file.

    Args:
        network: changed in place.
        path: the file.
        name: what ``import-weights --network`` calls it.
        ignore: beginnings of a published file's keys that are left out.

    Raises:
        WeightsError: a file of another network, or one that cannot be read or does not fit.
    """
    content = read_own(path)
    if content is None:
        importer().load_published(network, path, ignore)
        return
    if content["network"] != name:
        raise WeightsError(
            f"{path} holds {content['network']}, expected {name}; give the path of its weights"
        )
    fit(network, content["state_dict"], path)


def importer() -> ModuleType:
    """The importer of published layouts, loaded when it is used.

    By name, so that weights that were trained here do not depend on it; a rule whose weights are published
    names it (docs/decisions/0001-params-and-fingerprints.md).
    """
    return importlib.import_module("pipeline.weights.published")
