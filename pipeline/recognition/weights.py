"""ImageNet weights from which a recogniser's training starts."""

from __future__ import annotations

from typing import cast

from torch import nn

from pipeline.recognition.backbone import Backbone, cross_modality
from pipeline.weights.checkpoint import published
from pipeline.weights.location import resolve


def load_initial(network: Backbone, weights: str) -> None:
    """Start ``network`` from ImageNet weights of any published family: all but the classifier.

    ``weights`` is a path or a file of a package (``weights.location``). A network for flow gets the mean of
    the first kernels over colour, unless the file has the same number of channels. Raises WeightsError.
    """
    path = resolve(weights)
    network.check_published(path)
    reader = published()
    found = reader.recognise(reader.read_source(path), network, optional=network.classifier)
    state = {key: value for key, value in found.state.items() if not key.startswith(f"{network.classifier}.")}
    key = f"{network.first_conv}.weight"
    channels = cast(nn.Conv2d, network.get_submodule(network.first_conv)).weight.shape[1]
    if key in state and state[key].shape[1] != channels:
        state = cross_modality(state, key, channels)
    reader.fit(network, state, path, optional=network.classifier)
