"""The recognisers' networks, one file each; a new one needs no other change."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

from torch import nn

from pipeline.errors import PipelineError
from pipeline.recognition.networks.backbone import Backbone


class NetworkError(PipelineError):
    """A network that does not exist or does not take the given arguments."""


def load_backbone(
    network: str, classes: int, in_channels: int, dropout: float, args: dict[str, Any]
) -> Backbone:
    """The backbone ``network``: a file of this folder (its ``NETWORK``), or ``package.module:Class``.

    Called with ``classes``, ``in_channels`` (3 for frames, 2 x stack for flow), ``dropout`` and ``args``.
    Raises NetworkError naming the network and what was expected.
    """
    if ":" in network:
        module_name, class_name = network.split(":", 1)
    else:
        module_name, class_name = f"{__name__}.{network}", None
        if importlib.util.find_spec(module_name) is None:
            known = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))
            raise NetworkError(f"there is no network '{network}'; found {', '.join(known)}")
    try:
        module = importlib.import_module(module_name)
        constructor = getattr(module, class_name or "NETWORK")
    except (ImportError, AttributeError) as error:
        raise NetworkError(
            f"network '{network}': {error}; expected a file or package.module:Class"
        ) from error
    try:
        return constructor(classes=classes, in_channels=in_channels, dropout=dropout, **args)
    except TypeError as error:
        raise NetworkError(f"network '{network}' does not take args {sorted(args)}: {error}") from error


def load_joint(protocol: str, appearance: Backbone, motion: Backbone, temporal_pool: bool) -> nn.Module:
    """The network that joins two streams under ``protocol``: the file of that name, loaded when it is used.

    Raises NetworkError if streams of that protocol are not joined, and as the network itself does.
    """
    try:
        module = importlib.import_module(f"{__name__}.{protocol}")
    except ModuleNotFoundError as error:
        raise NetworkError(f"{protocol} has no joint network: its streams are fused after scoring") from error
    return module.NETWORK(appearance, motion, temporal_pool)
