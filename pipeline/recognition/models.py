"""Recognisers as networks: built from a stream's part, saved, and loaded again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from pipeline.errors import PipelineError
from pipeline.recognition.backbone import Backbone, JointNetwork
from pipeline.recognition.networks import load_backbone, load_clip_backbone, load_joint
from pipeline.recognition.streams import BuiltStream
from pipeline.weights.checkpoint import published, read_own, write_checkpoint


class ModelError(PipelineError):
    """A checkpoint that belongs to another recogniser; the message says what was expected."""


def build_backbones(part: BuiltStream, classes: int, dropout: float) -> list[Backbone]:
    """The backbones of a stream, freshly initialised: one for frames, one for flow, or both."""
    backbones = []
    for channels in part.channels:
        if part.clip_shape:
            backbone = load_clip_backbone(part.network, classes, *part.clip_shape, dropout, part.args)
        else:
            backbone = load_backbone(part.network, classes, channels, dropout, part.args)
        part.prepare(backbone)
        backbones.append(backbone)
    return backbones


def join(part: BuiltStream, backbones: list[Backbone]) -> nn.Module:
    """The network of a stream: its one backbone, or what joins them."""
    if len(backbones) == 1:
        return backbones[0]
    return load_joint(part.joint, *backbones, **part.joint_args())


def build_model(part: BuiltStream, classes: int, dropout: float) -> nn.Module:
    """The network of a stream, freshly initialised. Raises NetworkError."""
    return join(part, build_backbones(part, classes, dropout))


def backbones_of(network: nn.Module) -> list[Backbone]:
    """The backbones of a stream's network, in the order of its input."""
    return [network] if isinstance(network, Backbone) else list(cast(JointNetwork, network).backbones)


def memory_format(network: nn.Module) -> torch.memory_format:
    """Layout of the weights in memory: channels last, which is faster; networks of clips keep theirs."""
    clips = any(backbone.clips for backbone in backbones_of(network))
    return torch.preserve_format if clips else torch.channels_last


def save_model(path: Path, network: nn.Module, part: BuiltStream, metadata: dict[str, Any]) -> None:
    """Write the weights of ``network`` as our own checkpoint (``weights.checkpoint``)."""
    write_checkpoint(path, network, part.network, part.args, metadata)


def load_model(path: Path, part: BuiltStream, classes: int) -> nn.Module:
    """The network of a stream with the weights of ``path``: of train_recognizer, imported or published.

    Raises ModelError if the checkpoint is of another network, stream or set of classes, and WeightsError
    if published weights cannot be read or do not fit.
    """
    network = build_model(part, classes, dropout=0.0)
    load_trained(network, path, part, part.stream, classes)
    return network


def load_trained(network: nn.Module, path: Path, part: BuiltStream, stream: str, classes: int) -> None:
    """Load the weights of ``path`` into the network of ``stream``; raises as ``load_model``.

    ``part`` says whose backbones and arguments these are; of a joint network a stream may be loaded alone.
    """
    content = read_own(path)
    if content is None:
        for backbone in backbones_of(network):
            backbone.check_published(path)
        published().load_published(network, path)
        return
    metadata = content["metadata"]
    found = (content["network"], content["args"], metadata.get("stream"), metadata.get("classes"))
    expected = (part.network, part.args, stream, classes)
    if found != expected:
        raise ModelError(
            f"{path} holds network, args, stream, classes {found}, expected {expected}; train it again"
        )
    network.load_state_dict(content["state_dict"])
