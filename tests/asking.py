"""Requests for trainings and frames of single models, as the rules pass them."""

from __future__ import annotations

from pipeline.config import Compute, FeatureNetwork, SRModel
from pipeline.superres.request import ShowProgress, SuperResolve, TrainSR

FEATURES = FeatureNetwork(network="random_features")


def training(
    model: SRModel, name: str = "m", seed: int = 0, compute: Compute | None = None, scale: int = 4
) -> tuple[TrainSR, ShowProgress]:
    """Request for the training of a model; feature losses use the demo's feature network."""
    compared = any(loss.features for loss in model.training.terms.values())
    request = TrainSR.of(
        model,
        name=name,
        training=model.training.recipe,
        feature_network=FEATURES if compared else None,
        compute=compute or Compute(),
        seed=seed,
        scale=scale,
    )
    return TrainSR.read(request.text()), ShowProgress.of(model.training)


def frames(
    model: SRModel,
    batch_pixels: int = 10**6,
    compute: Compute | None = None,
    split: str = "test",
    shard=1,
    scale: int = 4,
) -> SuperResolve:
    """Request for the frames of a shard."""
    request = SuperResolve.of(
        *[model, compute or Compute()], split=split, shard=shard, batch_pixels=batch_pixels, scale=scale
    )
    return SuperResolve.read(request.text())
