"""The recognisers' networks, one file each; a new one needs no other change."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from pathlib import Path
from typing import Any

from torch import nn

from pipeline.errors import PipelineError
from pipeline.recognition.networks.backbone import Backbone


class NetworkError(PipelineError):
    """A network that does not exist, is no backbone or does not take the given arguments."""


class ArgumentsError(NetworkError):
    """Arguments that a network's constructor does not take."""


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
            raise NetworkError(f"there is no network '{network}'; found {', '.join(backbone_names())}")
    try:
        module = importlib.import_module(module_name)
        constructor = getattr(module, class_name or "NETWORK")
    except (ImportError, AttributeError) as error:
        known = ", ".join(backbone_names())
        raise NetworkError(
            f"network '{network}': {error}; expected one of {known}, or package.module:Class"
        ) from error
    given = {"classes": classes, "in_channels": in_channels, "dropout": dropout}
    if isinstance(constructor, type) and not issubclass(constructor, Backbone):
        raise NetworkError(
            f"network '{network}': {constructor.__name__} is no backbone; it must extend Backbone"
        )
    try:
        inspect.signature(constructor).bind(**given, **args)
    except TypeError as error:
        known = [name for name in inspect.signature(constructor).parameters if name not in given]
        raise ArgumentsError(
            f"network '{network}' does not take args {sorted(args)}: {error}; it takes {', '.join(known)}"
        ) from error
    return constructor(**given, **args)


def backbone_names() -> list[str]:
    """Names of the backbones in this folder: files whose ``NETWORK`` is one."""
    files = Path(__file__).parent.glob("[!_]*.py")
    return sorted(file.stem for file in files if "(Backbone):" in file.read_text("utf-8"))


def load_joint(protocol: str, appearance: Backbone, motion: Backbone, temporal_pool: bool) -> nn.Module:
    """The network that joins two streams under ``protocol``: the file of that name, loaded when it is used.

    Raises NetworkError if streams of that protocol are not joined, and as the network itself does.
    """
    try:
        module = importlib.import_module(f"{__name__}.{protocol}")
    except ModuleNotFoundError as error:
        raise NetworkError(f"{protocol} has no joint network: its streams are fused after scoring") from error
    return module.NETWORK(appearance, motion, temporal_pool)
