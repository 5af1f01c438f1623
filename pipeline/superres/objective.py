"""What a step minimises: the recipe's losses, and what these train of their own."""

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
    """What losses may build on.

    Attributes:
        training: the recipe, with the settings of the other losses.
        feature_network: section ``superres.feature_network``; None unless a loss asks for it (``features``).
        compute: device and precision; the SR network lies on the device.
        network: the SR network that is trained.
        fabric: of the training; a loss that trains something makes its backward pass with it.
    """

    training: SRRecipe
    feature_network: FeatureNetwork | None
    compute: Compute
    network: SRNetwork
    fabric: Fabric


class Objective:
    """The sum of a recipe's losses, with what they need and train of their own.

    Raises NetworkError for an SR network that a loss cannot train, and what a loss's ``build`` does.
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
        """The weighted losses (scalars) whose sum the generator minimises.

        ``sr`` is (B, K, 3, 4s, 4s) float32; K is 2 for pairs.
        """
        return {name: loss.compute(sr, batch, self.built[name]) for name, loss in self.losses.items()}

    def train_own(self, sr: Tensor, batch: Batch) -> dict[str, Tensor]:
        """One step of what losses train themselves, on the same images, ``sr`` detached; for the log."""
        return {
            f"{name}/{shown}": value
            for name, loss in self.losses.items()
            for shown, value in loss.train(sr, batch, self.built[name]).items()
        }

    def state_dict(self) -> dict[str, Any]:
        """The state of all that losses train."""
        return {name: [part.state_dict() for part in parts] for name, parts in self._saved().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Bring all that losses train back to ``state``."""
        for name, parts in self._saved().items():
            for part, saved in zip(parts, state[name], strict=True):
                part.load_state_dict(saved)

    def _saved(self) -> dict[str, list[Any]]:
        return {name: loss.saved(self.built[name]) for name, loss in self.losses.items()}
