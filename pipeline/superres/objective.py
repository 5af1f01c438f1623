"""The objective of a training step: the recipe's losses and their own trainings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lightning_fabric import Fabric
from torch import Tensor

from pipeline.config.compute import Compute
from pipeline.config.superres import FeatureNetwork, SRRecipe
from pipeline.superres.batches import Batch
from pipeline.superres.network import NetworkError, SRNetwork


@dataclass(frozen=True)
class Setting:
    """Environment in which losses are built.

    Attributes:
        training: the recipe, with the settings of the other losses.
        feature_network: section ``superres.feature_network``; None unless a loss needs it (``features``).
        compute: device and precision; the SR network is on the device.
        network: the SR network to train.
        fabric: the training's Fabric; a loss with its own training uses it for the backward pass.
    """

    training: SRRecipe
    feature_network: FeatureNetwork | None
    compute: Compute
    network: SRNetwork
    fabric: Fabric


class Objective:
    """The sum of a recipe's losses, with their networks and own trainings.

    Raises NetworkError if a loss cannot train the SR network, and the errors of the losses' ``build``.
    """

    def __init__(self, setting: Setting) -> None:
        self.losses = setting.training.terms
        if not self.losses:
            raise ValueError("training.losses has no loss; give at least pixel")
        for name, loss in self.losses.items():
            if problem := loss.network_problem(setting.network):
                raise NetworkError(f"losses.{name}: {problem}")
        self.built = {name: loss.build(setting) for name, loss in self.losses.items()}

    def generator_terms(self, sr: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The weighted losses (scalars), whose sum is minimised.

        ``sr`` is (B, K, 3, 4s, 4s) float32; K is 2 for pairs.
        """
        return {name: loss.compute(sr, batch, self.built[name]) for name, loss in self.losses.items()}

    def train_own(self, sr: Tensor, batch: Batch) -> dict[str, Tensor]:
        """One step of the losses' own trainings on the same images, ``sr`` detached; values for the log."""
        return {
            f"{name}/{shown}": value
            for name, loss in self.losses.items()
            for shown, value in loss.train(sr, batch, self.built[name]).items()
        }

    def state_dict(self) -> dict[str, Any]:
        """State of the losses' own trainings."""
        return {name: [part.state_dict() for part in parts] for name, parts in self._saved().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the losses' own trainings."""
        for name, parts in self._saved().items():
            for part, saved in zip(parts, state[name], strict=True):
                part.load_state_dict(saved)

    def _saved(self) -> dict[str, list[Any]]:
        return {name: loss.saved(self.built[name]) for name, loss in self.losses.items()}
