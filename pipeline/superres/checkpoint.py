"""SR networks with their trained weights, on disk and in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from pipeline.config import SRModel
from pipeline.errors import PipelineError
from pipeline.files import atomic_path
from pipeline.superres.networks import load_network
from pipeline.superres.weights import load_weights


class CheckpointError(PipelineError, ValueError):
    """A checkpoint that does not fit; the message names the file, what it holds and what was expected."""


def save_network(path: Path, network: nn.Module, model: SRModel, metadata: dict[str, Any]) -> None:
    """Write weights, the network's name and arguments, and ``metadata`` (plain numbers and strings).

    The file opens with ``torch.load(path, weights_only=True)``: a dict of ``network``, ``args``,
    ``state_dict`` (on the CPU) and ``metadata``.
    """
    state = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    content = {"network": model.network, "args": model.args, "state_dict": state, "metadata": metadata}
    with atomic_path(path) as temporary:
        torch.save(content, temporary)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What ``save_network`` wrote. Raises CheckpointError for anything else."""
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # torch.load's errors have no common base
        raise CheckpointError(f"{path} cannot be read as a checkpoint: {error}") from error
    if not _is_ours(content):
        raise CheckpointError(f"{path} is not a checkpoint of train_sr (keys network, args, state_dict)")
    return content


def _is_ours(content: Any) -> bool:
    return isinstance(content, dict) and {"network", "args", "state_dict"} <= content.keys()


def load_trained(network: nn.Module, model: SRModel, path: Path) -> None:
    """Load the weights of ``path``, of ``train_sr`` or published, into ``network``, made from ``model``.

    Raises CheckpointError if they were trained for another network or other arguments, and WeightsError
    if published ones do not fit.
    """
    try:
        content = read_checkpoint(path)
    except CheckpointError:
        load_weights(network, path)
        return
    found = (content["network"], content["args"])
    if found != (model.network, model.args):
        raise CheckpointError(
            f"{path} holds {found[0]} with {found[1]}, expected {model.network} with {model.args}; "
            f"make network and args of both models equal, or train it again"
        )
    try:
        network.load_state_dict(content["state_dict"])
    except RuntimeError as error:
        raise CheckpointError(
            f"{path} does not fit {model.network} as it is now ({error}); train it again"
        ) from error


def load_model(model: SRModel, weights: Path | None, device: torch.device | str = "cpu") -> nn.Module:
    """The model's network with its weights, ready for inference on ``device``.

    Only a network without parameters may have no ``weights``. Raises as ``load_trained``.
    """
    network = load_network(model.network, model.args)
    if weights is not None:
        load_trained(network, model, weights)
    elif any(True for _ in network.parameters()):
        raise CheckpointError(f"{model.network} has parameters, but no weights; give it weights or training")
    return network.eval().requires_grad_(False).to(device)
