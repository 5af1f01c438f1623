"""ResNet-50 of MatConvNet (dagnn), alone or as the two streams of ST-ResNet.

Names are Caffe's with ``_filter`` (h, w, in, out), ``_bias``, ``_mult``, ``_moments`` (C, 2: mean and
standard deviation, epsilon inside): ``conv1``, ``bn_conv1``, ``res2a_branch1`` (shortcut),
``res2a_branch2a`` to ``2c``, ``bn2a_branch2a``, ..., and a classifier (``fc1000``, a name that is kept when
its classes change). ST-ResNet's carry ``_spatial`` or ``_temporal`` at the end; its temporal convolutions are
(1, 3, in, out), time along the width.

A bias before a normalisation (``conv1_bias``) is taken off that normalisation's mean, which is the same.
"""

from __future__ import annotations

import re
from typing import cast

import torch
from torch import Tensor, nn

from pipeline.weights import WeightsError
from pipeline.weights.formats import Source
from pipeline.weights.wrapping import Renamed

STREAMS = {"_spatial": "appearance.", "_temporal": "motion."}
BRANCHES = {"2a": "1", "2b": "2", "2c": "3"}


def is_joint(source: Source) -> bool:
    """Whether a file holds ST-ResNet's two streams."""
    return source.format == "matconvnet" and all(any(k.endswith(s) for k in source.state) for s in STREAMS)


def dagnn(source: Source, network: nn.Module) -> dict[str, Tensor] | None:
    """Torchvision's names, which are ours; with ``appearance.`` and ``motion.`` for the joint network.

    Raises:
        WeightsError: the network is torchvision's ResNet-50, which strides elsewhere than Caffe's.
    """
    if source.format != "matconvnet" or not hasattr(getattr(network, "appearance", network), "classifier"):
        return None
    own = network.state_dict()
    backbones = {prefix: getattr(network, prefix[:-1], None) for prefix in STREAMS.values()}
    joined = all(backbones.values())
    for backbone in backbones.values() if joined else (network,):
        if getattr(backbone, "caffe", True) is False:
            raise WeightsError(
                f"{source.path} holds Caffe's ResNet-50, which strides in the first convolution of a unit; "
                "give the network args: {caffe: true}"
            )
    state = Renamed()
    for name, value in source.state.items():
        end = next((end for end in STREAMS if name.endswith(end)), "")
        if bool(end) != joined:  # one stream's file for the joint network, or the other way round
            state.put(name, name, value)
            continue
        prefix = STREAMS[end] if joined else ""
        layer, _, part = name.removesuffix(end).rpartition("_")
        backbone = network.get_submodule(prefix.rstrip("."))
        key = prefix + _layer(layer, cast(str, backbone.classifier))
        for made, tensor in _tensors(key, part, value, own, network).items():
            state.put(made, name, tensor)
    for key in [key for key in state if key.endswith(".bias") and key not in own]:
        mean = _normalisation(key.removesuffix(".bias")) + ".running_mean"
        if mean in state:
            state[mean] = state[mean] - state.pop(key).flatten()
    return state


def _layer(layer: str, classifier: str) -> str:
    if layer == "conv1":
        return "conv1"
    if layer == "bn_conv1":
        return "bn1"
    match = re.fullmatch(r"(res|bn)([2-5])([a-z])_branch(1|2[abc])", layer)
    if not match:
        return classifier if layer.startswith(("fc", "prediction")) else layer
    kind, stage, unit, branch = match.groups()
    module = f"layer{int(stage) - 1}.{ord(unit) - ord('a')}"
    if branch == "1":
        return f"{module}.downsample.{int(kind == 'bn')}"
    return f"{module}.{'bn' if kind == 'bn' else 'conv'}{BRANCHES[branch]}"


def _normalisation(convolution: str) -> str:
    """The normalisation after a convolution."""
    if convolution.endswith("downsample.0"):
        return convolution[:-1] + "1"
    owner, dot, last = convolution.rpartition(".")
    return f"{owner}{dot}{last.replace('conv', 'bn')}"


def _tensors(
    key: str, part: str, value: Tensor, own: dict[str, Tensor], network: nn.Module
) -> dict[str, Tensor]:
    """One parameter under torch's names, in torch's axes."""
    if part == "filter":
        filters = value.reshape(*value.shape, *[1] * (4 - value.ndim)).permute(3, 2, 0, 1)  # (out, in, h, w)
        wanted = own.get(f"{key}.weight")
        if wanted is not None and wanted.ndim == 4 and tuple(wanted.shape[2:]) == (3, 1):
            filters = filters.transpose(2, 3)  # time, which MatConvNet has along the width
        return {f"{key}.weight": filters.contiguous()}
    if part == "moments" and value.ndim == 2 and value.shape[1] == 2:
        try:
            epsilon = cast(float, network.get_submodule(key).eps)
        except AttributeError:
            epsilon = 0.0  # no such layer: the key is listed as unexpected
        mean, deviation = value[:, 0], value[:, 1]
        variance = torch.square(deviation.double()) - epsilon
        return {f"{key}.running_mean": mean, f"{key}.running_var": variance.float()}
    return {f"{key}.{'weight' if part == 'mult' else part}": value.flatten()}
