"""What a step minimises: the recipe's terms for the generator, and the discriminator's own step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pipeline.config import Compute, FeatureNetwork, SRTraining
from pipeline.superres import losses
from pipeline.superres.batches import Batch
from pipeline.superres.features import load_features
from pipeline.superres.layout import image_layout
from pipeline.superres.networks import load_network
from pipeline.torch_settings import autocast


class Objective:
    """The sum of a recipe's terms, with the frozen feature network and the discriminator it needs.

    Raises WeightsError for a feature network without weights, NetworkError for an unknown discriminator.
    """

    def __init__(self, training: SRTraining, feature_network: FeatureNetwork, compute: Compute) -> None:
        self.terms, self.compute = training.losses, compute
        if not any((self.terms.pixel, self.terms.feature, self.terms.adversarial, self.terms.warp)):
            raise ValueError("training.losses has no term; give at least losses.pixel")
        self.features = None
        if self.terms.feature is not None:
            self.features = image_layout(load_features(feature_network).to(compute.device))
        self.discriminator = None
        if self.terms.adversarial is not None:
            settings = self.terms.adversarial
            self.adversary = losses.AdversarialLoss(settings.kind)
            discriminator = load_network(settings.discriminator, settings.args)
            self.discriminator = image_layout(discriminator.to(compute.device))
            self.optimiser = torch.optim.Adam(
                self.discriminator.parameters(), settings.lr, tuple(training.betas), fused=True
            )
            self.schedule = torch.optim.lr_scheduler.MultiStepLR(
                self.optimiser, training.milestones, training.gamma
            )

    def generator_terms(self, sr: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The weighted terms (scalars) whose sum the generator minimises.

        ``sr`` is (B, K, 3, 4s, 4s) float32; K is 2 for a siamese pair. The pixel term is the sum over the
        pair, as in the paper's equation; with a flow weight, the flow from t to t + 1 weighs both frames.
        The feature and adversarial terms are means over all images. The warp terms use the pixel term's
        penalty (authors' code: Huber in all four), or Huber without one.
        """
        found = {}
        fakes, reals = sr.flatten(0, 1), batch.hr.flatten(0, 1)  # (B K, 3, 4s, 4s)
        pixel = self.terms.pixel
        if pixel is not None:
            weight = None
            if pixel.flow_weight != "none":
                weight = losses.flow_weight(batch.flow, pixel.flow_weight, pixel.normalise)
                weight = weight.repeat_interleave(sr.shape[1], 0)  # (B K, 1, 4s, 4s)
            penalty = losses.pixel_loss(fakes, reals, pixel.kind, pixel.delta, weight)
            found["pixel"] = pixel.weight * sr.shape[1] * penalty
        if self.terms.warp is not None:
            kind, delta = (pixel.kind, pixel.delta) if pixel else ("huber", 0.01)
            found["warp"] = losses.warp_loss(
                sr[:, 0], sr[:, 1], batch.hr[:, 0], batch.flow,
                self.terms.warp.sr, self.terms.warp.hr, kind, delta,
            )  # fmt: skip
        if self.terms.feature is not None:
            with autocast(self.compute):
                with torch.no_grad():
                    target = self.features(reals)
                ours = self.features(fakes)
            distance = losses.pixel_loss(ours.float(), target.float(), self.terms.feature.kind)
            found["feature"] = self.terms.feature.weight * distance
        if self.terms.adversarial is not None:
            # The generator's step needs the gradient through the discriminator, not of its weights.
            self.discriminator.requires_grad_(False)
            with autocast(self.compute):
                # Only the relativistic loss compares with HR.
                with torch.no_grad():
                    real = self.discriminator(reals) if self.adversary.kind == "relativistic" else None
                fake = self.discriminator(fakes)
            loss = self.adversary.generator(None if real is None else real.float(), fake.float())
            found["adversarial"] = self.terms.adversarial.weight * loss
        return found

    def train_discriminator(self, sr: Tensor, batch: Batch) -> dict[str, Tensor]:
        """One step of the discriminator on the same images; its loss, or nothing if there is none.

        ``sr`` is detached, (B, K, 3, 4s, 4s).
        """
        if self.discriminator is None:
            return {}
        self.discriminator.requires_grad_(True)
        with autocast(self.compute):
            real = self.discriminator(batch.hr.flatten(0, 1))
            fake = self.discriminator(sr.flatten(0, 1))
        loss = self.adversary.discriminator(real.float(), fake.float())
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.schedule.step()
        return {"discriminator": loss.detach()}

    def state_dict(self) -> dict[str, Any]:
        """The state of the discriminator and its training."""
        if self.discriminator is None:
            return {}
        parts = (self.discriminator, self.optimiser, self.schedule)
        return {"parts": [part.state_dict() for part in parts]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Bring the discriminator and its training back to ``state``."""
        if self.discriminator is not None:
            for part, saved in zip(
                (self.discriminator, self.optimiser, self.schedule), state["parts"], strict=True
            ):
                part.load_state_dict(saved)
