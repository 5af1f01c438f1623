"""SR networks with their trained weights, on disk and in memory."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pipeline.config.superres import Architecture
from pipeline.errors import PipelineError
from pipeline.superres.network import SRNetwork
from pipeline.superres.networks import load_network
from pipeline.weights import WeightsError
from pipeline.weights.checkpoint import published, read_own, write_checkpoint


class CheckpointError(PipelineError, ValueError):
    """A checkpoint that does not fit; the message names the file, what it holds and what was expected."""


def save_network(path: Path, network: nn.Module, model: Architecture, metadata: dict[str, Any]) -> None:
    """Write the weights of ``network``, made from ``model``, as our checkpoint (``weights.checkpoint``)."""
    write_checkpoint(path, network, model.network, model.args, metadata)


def load_trained(network: SRNetwork, model: Architecture, path: Path, scale: int = 4) -> None:
    """Load the weights of ``path``, trained here, imported or published, into ``network``.

    ``network`` is made from ``model``. Raises CheckpointError if they are of another network or other
    arguments, and WeightsError if published ones cannot be read or do not fit.
    """
    _load(network, model, path, scale, ())


def load_start(network: SRNetwork, model: Architecture, path: Path, scale: int = 4) -> None:
    """Load the weights that the training of ``network`` starts from.

    As ``load_trained``, but they may be of a network without its ``start_args``: what those add stays as it
    was made.
    """
    _load(network, model, path, scale, network.start_args)


def without(args: dict[str, Any], left_out: tuple[str, ...]) -> dict[str, Any]:
    """``args`` but for those ``left_out``."""
    return {key: value for key, value in args.items() if key not in left_out}


def _load(network: SRNetwork, model: Architecture, path: Path, scale: int, free: tuple[str, ...]) -> None:
    content = read_own(path)
    if content is None:
        try:
            published().load_published(network, path)
        except WeightsError as error:
            _refuse_scale(network, model, path, scale, lambda other: published().load_published(other, path))
            raise error
        return
    found, expected = (content["network"], content["args"]), (model.network, model.args)
    if (found[0], without(found[1], free)) != (expected[0], without(expected[1], free)):
        raise CheckpointError(
            f"{path} holds {found[0]} with {found[1]}, expected {model.network} with {model.args}; "
            f"make network and args of both equal, or train (or import) it again"
        )
    trained = content["metadata"].get("scale", scale)  # imported ones fit a scale, or do not
    if trained != scale:
        raise CheckpointError(_of_scale(path, trained, model, scale))
    state = content["state_dict"]
    if found != expected:
        state = network.state_dict() | state  # what `free` arguments add
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        _refuse_scale(network, model, path, scale, lambda other: other.load_state_dict(state))
        reason = " ".join(str(error).split())
        raise CheckpointError(
            f"{path} does not fit {model.network} as it is now ({reason}); train it again"
        ) from error


def _refuse_scale(
    network: SRNetwork, model: Architecture, path: Path, scale: int, load: Callable[[SRNetwork], Any]
) -> None:
    """Raise CheckpointError if weights that do not fit are of the same network at another scale."""
    for found in sorted(set(type(network).scales) - {scale}):
        with torch.device("meta"):
            other = load_network(model.network, model.args, found)
        # Loading into the meta device warns that nothing is copied; what was read is told only of what fits.
        with warnings.catch_warnings(action="ignore"), contextlib.redirect_stderr(io.StringIO()):
            try:
                load(other)
            except (WeightsError, RuntimeError):
                continue
        raise CheckpointError(_of_scale(path, found, model, scale))


def _of_scale(path: Path, found: int, model: Architecture, scale: int) -> str:
    return (
        f"{path} holds weights of {model.network} for scale {found}, but scale is {scale}; give weights "
        f"for scale {scale}, or set scale: {found}"
    )


def load_model(
    model: Architecture, weights: Path | None, device: torch.device | str = "cpu", scale: int = 4
) -> SRNetwork:
    """The model's network with its weights, ready for inference on ``device``.

    Only a network without parameters may have no ``weights``. Raises as ``load_trained``.
    """
    network = load_network(model.network, model.args, scale)
    if weights is not None:
        load_trained(network, model, weights, scale)
    elif any(True for _ in network.parameters()):
        raise CheckpointError(f"{model.network} has parameters, but no weights; give it weights or training")
    return network.eval().requires_grad_(False).to(device)
