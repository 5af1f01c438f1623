"""Checks that the losses of a recipe can be computed for an SR network on patches of the recipe's size."""

from __future__ import annotations

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment

from pipeline.config import Compute, FeatureNetwork, Loss, SRTraining
from pipeline.superres.batches import Batch
from pipeline.superres.network import SRNetwork
from pipeline.superres.objective import Setting


def try_loss(
    loss: Loss, training: SRTraining, features: FeatureNetwork, network: SRNetwork, side: int
) -> None:
    """Compute a loss once on black patches, including its own training.

    Args:
        loss: one of the recipe's.
        training: the recipe.
        features: section ``superres.feature_network``.
        network: the recipe's SR network, on the CPU.
        side: of HR patches in pixels.

    Raises:
        ValueError: the loss is not a scalar.
        Exception: any error of the loss.
    """
    fabric = Fabric(accelerator="cpu", devices=1, plugins=[LightningEnvironment()])
    built = loss.build(Setting(training, features, Compute(), network, fabric))
    frames, low = 2 if training.pairs else 1, side // 4
    hr = torch.zeros(2, frames, 3, side, side)
    batch = Batch(torch.zeros(2, frames, network.frames, 3, low, low), hr, torch.zeros(2, 2, side, side))
    found = loss.compute(hr.clone().requires_grad_(), batch, built)
    if not isinstance(found, torch.Tensor) or found.ndim:
        shown = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
        raise ValueError(f"compute gives {shown}, but must give a scalar tensor")
    loss.train(hr.clone(), batch, built)
