"""``python -m pipeline import-weights``: a published file as our own checkpoint.

This is not a job of the graph: ``weights:`` also accepts published files as they are. An imported file opens
faster, needs no format detection, and records its source and the split that it was trained on.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, cast

from torch import nn

from pipeline.flow.flownet2 import NETWORKS as FLOW_NETWORKS
from pipeline.plugins import find, names
from pipeline.recognition.backbone import Backbone
from pipeline.recognition.networks import load_backbone, load_clip_backbone, load_joint
from pipeline.superres.features import VGG19
from pipeline.superres.networks import load_network, network_names
from pipeline.weights import WeightsError
from pipeline.weights.checkpoint import write_checkpoint
from pipeline.weights.families.matconvnet import is_joint
from pipeline.weights.fitting import fit
from pipeline.weights.formats import Source, read_source
from pipeline.weights.provenance import describe_file, recorded_split, trained_on
from pipeline.weights.published import notes, recognise

PLAIN: dict[str, Callable[[], nn.Module]] = {**FLOW_NETWORKS, "vgg19": VGG19}
"""Networks without arguments, for flow.flownet2.weights and superres.feature_network.weights."""
IGNORED = {"vgg19": ("classifier.",)}
JOINT = "st_resnet"
JOINED = "resnet50"
"""The joint network, and the backbone of its checkpoints."""

CLIP = (16, 224)
"""Frames and side of a clip; the shapes of the weights are the same for all."""


class Target(NamedTuple):
    """A network to import into, its name, and the metadata of its checkpoint beside the source."""

    network: nn.Module
    name: str
    metadata: dict[str, Any]


def import_weights(
    network: str,
    source: Path,
    out: Path,
    args: dict[str, Any] | None = None,
    dataset: str | None = None,
    split: int | None = None,
    part: str | None = None,
    scale: int = 4,
) -> None:
    """Write the weights of a published file as our own checkpoint, with where they come from.

    ``network`` is a network of superres/networks (``rrdb``), a recogniser's backbone (``bn_inception``,
    ``resnet50``, ``r2plus1d_18``), ``st_resnet`` (both streams of ST-ResNet in one file), ``flownet2`` or a
    part of it (``flownet2_c``), ``vgg19``, or package.module:Class; ``args`` are its constructor's arguments,
    as in the config. The stream and the classes of a recogniser are read off the file. ``dataset`` ("ucf101",
    "hmdb51") and ``split`` say what a recogniser was trained on; without them the file itself or its name is
    taken, where it tells. ``part`` says which weights to take of a file that holds several that fit, such as
    a network and its average (``state_dict_ema``); the error that asks for it lists them. ``scale`` is the
    super-resolution factor of an SR network.

    Raises WeightsError for a file that cannot be read or does not fit, DamagedError for a damaged one, and
    NetworkError for no such network.
    """
    args = args or {}
    known = trained_on(dataset, split) or recorded_split(source)
    read = read_source(source)
    target = _target(network, args, read, part, scale)
    found = recognise(read, target.network, part, ignore=IGNORED.get(network, ()))
    fit(target.network, found.state, source)
    described = describe_file(source, found.family) | ({"part": found.part} if found.others else {})
    metadata = {"source": described, "trained_on": known, **target.metadata}
    write_checkpoint(out, target.network, target.name, args, metadata)
    about = ", ".join(f"{key} {value}" for key, value in {**(known or {}), **target.metadata}.items())
    print(f"{source.name} ({found.family}) -> {out}: {target.name}{', ' if about else ''}{about}")
    for note in notes(found, target.network):
        print(f"{source.name}: {note}")


def _target(network: str, args: dict[str, Any], source: Source, part: str | None, scale: int) -> Target:
    if network in PLAIN:
        if args:
            raise WeightsError(f"{network} takes no args, found {sorted(args)}; leave them out")
        return Target(PLAIN[network](), network, {})
    if network == JOINT or (network == JOINED and is_joint(source)):
        return _recognizer(JOINED, args, source, part, joint=True)
    if _is_backbone(network):
        return _recognizer(network, args, source, part, joint=False)
    built = load_network(network, args, scale)
    if built.from_file:
        raise WeightsError(
            f"{source.path}: {network} reads published files alone; give the file in `weights`"
        )
    return Target(built, network, {})


def _is_backbone(network: str) -> bool:
    module_name, _, class_name = network.partition(":")
    if class_name:
        found = getattr(importlib.import_module(module_name), class_name, None)
        return isinstance(found, type) and issubclass(found, Backbone)
    return network not in network_names() and network in names(Backbone)


def _recognizer(name: str, args: dict[str, Any], source: Source, part: str | None, joint: bool) -> Target:
    """A recogniser with the classes and channels of the file's classifier and first convolution."""

    clips = find(Backbone, name).clips

    def build(classes: int, channels: int) -> nn.Module:
        if clips:
            return load_clip_backbone(name, classes, *CLIP, 0.0, args)
        motion = load_backbone(name, classes, channels, 0.0, args)
        if not joint:
            return motion
        return load_joint(JOINT, load_backbone(name, classes, 3, 0.0, args), motion, temporal_pool=False)

    probe = build(2, 3)
    state = recognise(source, probe, part).state
    backbone, prefix = cast(Backbone, probe.motion if joint else probe), "motion." if joint else ""
    shapes = []
    for layer in (backbone.classifier, backbone.first_conv):
        value = state.get(f"{prefix}{layer}.weight")
        if value is None or value.ndim < 2:
            raise WeightsError(
                f"{source.path} has no {prefix}{layer} of {JOINT if joint else name}, but keys such as "
                f"{', '.join(list(source.state)[:4])}; give the network that the weights belong to"
            )
        shapes.append([n for n in value.shape if n != 1] if layer == backbone.classifier else value.shape)
    classes, channels = shapes[0][0], shapes[1][1]
    alone = "rgb" if clips else "spatial" if channels == 3 else "temporal"
    stream = "joint" if joint else alone
    return Target(build(classes, channels), name, {"stream": stream, "classes": classes})
