"""TSN's streams: the authors' .caffemodel, and its torch conversions.

Caffe's layers are ``conv1/7x7_s2``, ``inception_3a/1x1``, their normalisations ``..._bn`` (four blobs of
shape [1, C]: slope, bias, mean, variance, as in the authors' Caffe), the classifier ``fc-action``. The torch
ports write "_" for "/"; their classifier is ``new_fc``, ``fc-action``, ``last_linear`` or ``fc``. ImageNet's
BN-Inception is in both.
"""

from __future__ import annotations

from collections import Counter

from torch import Tensor, nn

from pipeline.weights.formats import Source
from pipeline.weights.wrapping import Renamed, renamed

CLASSIFIERS = (
    "new_fc", "fc-action", "fc_action", "last_linear", "fc", "_fc", "cls_head.fc_cls", "loss3/classifier",
)  # fmt: skip
"""Names of classifiers in the wild."""
BLOBS = {2: ("weight", "bias"), 1: ("weight",), 4: ("weight", "bias", "running_mean", "running_var")}
"""What the blobs of a layer are, by how many it has."""


def port(source: Source, network: nn.Module) -> dict[str, Tensor] | None:
    """Our names of a torch port's, for a network with a classifier."""
    if source.format != "torch" or not hasattr(network, "classifier"):
        return None
    return renamed(source.state, lambda key: _classified(key, network))


def caffe(source: Source, network: nn.Module) -> dict[str, Tensor] | None:
    """Our names of Caffe's, for a network with a classifier."""
    if source.format != "caffe" or not hasattr(network, "classifier"):
        return None
    counts = Counter(key.rpartition(":")[0] for key in source.state)
    state = Renamed()
    for key, value in source.state.items():
        layer, _, index = key.rpartition(":")
        parts = BLOBS.get(counts[layer], ())
        part = parts[int(index)] if int(index) < len(parts) else index
        state.put(_classified(f"{layer}.{part}", network).replace("/", "_"), key, value)
    return state


def _classified(key: str, network: nn.Module) -> str:
    """A key with our name of the classifier."""
    owner, _, last = key.rpartition(".")
    return f"{network.classifier}.{last}" if owner in CLASSIFIERS else key
