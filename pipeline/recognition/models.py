"""Recognisers as networks: built from their section, saved, and loaded again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from torch import nn

from pipeline import config
from pipeline.errors import PipelineError
from pipeline.recognition.networks import load_backbone, load_joint
from pipeline.recognition.networks.backbone import Backbone
from pipeline.weights.checkpoint import importer, read_own, write_checkpoint

RecognizerStream = Literal["spatial", "temporal", "joint"]


class ModelError(PipelineError):
    """A checkpoint that belongs to another recogniser; the message says what was expected."""


def build_backbone(spec: config.TSN | config.STResNet, stream: str, classes: int, dropout: float) -> Backbone:
    """The network of one stream, freshly initialised: 3 channels, or 2 x flow_stack.

    A stream of ST-ResNet has a new classifier of 0.01 x normal and no bias (authors' cnn_ucf101_spatial.m);
    TSN's start of 0.001 is the backbones' own.
    """
    channels = 3 if stream == "spatial" else 2 * spec.flow_stack
    network = load_backbone(spec.network, classes, channels, dropout, spec.args)
    if spec.protocol == "st_resnet":
        classifier = network.get_submodule(network.classifier)
        nn.init.normal_(classifier.weight, std=0.01)
        nn.init.zeros_(classifier.bias)
    return network


def join_streams(spec: config.STResNet, appearance: Backbone, motion: Backbone) -> nn.Module:
    """The joint network, with max-pooling over time if it is of two stages (``temporal_pool``)."""
    return load_joint(spec.protocol, appearance, motion, temporal_pool=spec.temporal_pool)


def build_model(
    spec: config.TSN | config.STResNet, stream: RecognizerStream, classes: int, dropout: float
) -> nn.Module:
    """The network of ``stream``, freshly initialised. Raises ModelError for a joint network of TSN."""
    if stream != "joint":
        return build_backbone(spec, stream, classes, dropout)
    if spec.protocol != "st_resnet":
        raise ModelError("TSN has no joint network: its streams are fused after scoring")
    streams = [build_backbone(spec, name, classes, dropout) for name in ("spatial", "temporal")]
    return join_streams(spec, *streams)


def save_model(
    path: Path, network: nn.Module, spec: config.TSN | config.STResNet, metadata: dict[str, Any]
) -> None:
    """Write the weights of ``network`` in our own format (``weights.checkpoint``)."""
    write_checkpoint(path, network, spec.network, spec.args, metadata)


def load_model(
    path: Path, spec: config.TSN | config.STResNet, stream: RecognizerStream, classes: int
) -> nn.Module:
    """The network of ``stream`` with the weights of ``path``: of train_recognizer, imported or published.

    Raises ModelError if the checkpoint is of another network, stream or set of classes, and WeightsError
    if published weights cannot be read or do not fit.
    """
    network = build_model(spec, stream, classes, dropout=0.0)
    load_trained(network, path, spec, stream, classes)
    return network


def load_trained(
    network: nn.Module,
    path: Path,
    spec: config.TSN | config.STResNet,
    stream: RecognizerStream,
    classes: int,
) -> None:
    """Load the weights of ``path`` into the network of ``stream``; raises as ``load_model``."""
    content = read_own(path)
    if content is None:
        importer().load_published(network, path)
        return
    metadata = content["metadata"]
    found = (content["network"], content["args"], metadata.get("stream"), metadata.get("classes"))
    expected = (spec.network, spec.args, stream, classes)
    if found != expected:
        raise ModelError(
            f"{path} holds network, args, stream, classes {found}, expected {expected}; train it again"
        )
    network.load_state_dict(content["state_dict"])
