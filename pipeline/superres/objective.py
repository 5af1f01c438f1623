"""What a step minimises: the recipe's terms for the generator, and the discriminator's own step."""

from __future__ import annotations

from typing import Any

from lightning_fabric import Fabric
from torch import Tensor, nn

from pipeline.config import Compute, FeatureNetwork, SRTraining
from pipeline.superres.batches import Batch
from pipeline.superres.losses import load_terms


class Objective:
    """The sum of a recipe's terms, with what they train of their own, for the training of ``network``.

    Raises WeightsError for a feature network without weights, NetworkError for an unknown discriminator or
    a network that a term cannot look into.
    """

    def __init__(
        self,
        training: SRTraining,
        feature_network: FeatureNetwork,
        compute: Compute,
        network: nn.Module,
        fabric: Fabric,
    ) -> None:
        self.terms = load_terms(training, feature_network, compute)
        if not self.terms:
            raise ValueError("training.losses has no term; give at least losses.pixel")
        for term in self.terms.values():
            if hasattr(term, "attach"):
                term.attach(network)
            if hasattr(term, "set_up"):
                term.set_up(fabric)
        self.trained = {name: term for name, term in self.terms.items() if hasattr(term, "train")}

    def generator_terms(self, sr: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The weighted terms (scalars) whose sum the generator minimises.

        ``sr`` is (B, K, 3, 4s, 4s) float32; K is 2 for a siamese pair.
        """
        return {name: term(sr, batch) for name, term in self.terms.items()}

    def train_discriminator(self, sr: Tensor, batch: Batch) -> dict[str, Tensor]:
        """One step of the discriminator on the same images, ``sr`` detached; its loss, if there is one."""
        return {f"{name}/discriminator": term.train(sr, batch) for name, term in self.trained.items()}

    def state_dict(self) -> dict[str, Any]:
        """The state of all that the terms train."""
        return {name: term.state_dict() for name, term in self.trained.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Bring all that the terms train back to ``state``."""
        for name, term in self.trained.items():
            term.load_state_dict(state[name])
