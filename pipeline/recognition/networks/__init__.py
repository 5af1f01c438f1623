"""Backbones of the recognisers, one file each; a new one needs no other change."""

from __future__ import annotations

import inspect
from typing import Any

from torch import nn

from pipeline.errors import PipelineError
from pipeline.plugins import PluginError, find
from pipeline.recognition.backbone import Backbone, JointNetwork


class NetworkError(PipelineError):
    """A network does not exist, is not a backbone, or does not accept the given arguments."""


class ArgumentsError(NetworkError):
    """A network's constructor does not accept the given arguments."""


def load_backbone(
    network: str, classes: int, in_channels: int, dropout: float, args: dict[str, Any]
) -> Backbone:
    """The backbone ``network``: a file of this folder, or ``package.module:Class``.

    Called with ``classes``, ``in_channels`` (3 for frames, 2 x stack for flow), ``dropout`` and ``args``.
    Raises NetworkError naming the network and what was expected.
    """
    given = {"classes": classes, "in_channels": in_channels, "dropout": dropout}
    return _construct(network, args, given, clips=False)


def load_clip_backbone(
    network: str, classes: int, frames: int, side: int, dropout: float, args: dict[str, Any]
) -> Backbone:
    """The same for a network that sees clips of ``frames`` frames of ``side`` x ``side`` pixels."""
    given = {"classes": classes, "frames": frames, "side": side, "dropout": dropout}
    return _construct(network, args, given, clips=True)


def _construct(network: str, args: dict[str, Any], given: dict[str, Any], clips: bool) -> Backbone:
    constructor: type[Backbone] = _find(Backbone, network)
    if constructor.clips != clips:
        sees, base = ("clips", "Backbone") if constructor.clips else ("single images", "ClipBackbone")
        expected = "clips (protocol: clip)" if clips else "single images or stacks of flow"
        raise NetworkError(
            f"network '{network}' sees {sees}, but the protocol's network must see {expected}; "
            f"name one that extends {base} (pipeline.recognition.backbone)"
        )
    signature = inspect.signature(constructor)
    try:
        signature.bind_partial(**given)
    except TypeError as error:
        raise NetworkError(
            f"network '{network}': {error}; its constructor must take {', '.join(given)}, and further "
            "arguments with defaults (pipeline.recognition.backbone)"
        ) from error
    try:
        signature.bind(**given, **args)
    except TypeError as error:
        known = [name for name in signature.parameters if name not in given]
        raise ArgumentsError(
            f"network '{network}' does not take args {sorted(args)}: {error}; it takes {', '.join(known)}"
        ) from error
    return constructor(**given, **args)


def load_joint(network: str, appearance: Backbone, motion: Backbone, **args: Any) -> nn.Module:
    """The network ``package.module:Class`` that joins two backbones and may modify them.

    Raises NetworkError if there is none, and the errors of the network itself.
    """
    return _find(JointNetwork, network)(appearance, motion, **args)


def _find(base: type, network: str) -> type:
    try:
        return find(base, network)
    except PluginError as error:
        raise NetworkError(f"network '{network}': {error}") from error
