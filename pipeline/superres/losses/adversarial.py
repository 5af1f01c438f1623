"""Adversarial losses, standard (SRGAN) and relativistic average (ESRGAN), with the discriminator."""

from __future__ import annotations

from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.config import Compute, FeatureNetwork, SRTraining
from pipeline.superres.batches import Batch
from pipeline.superres.layout import image_layout
from pipeline.superres.networks import load_network
from pipeline.torch_settings import autocast


def _bce(logits: Tensor, real: bool) -> Tensor:
    target = torch.ones_like(logits) if real else torch.zeros_like(logits)
    return F.binary_cross_entropy_with_logits(logits, target)


def relativistic_generator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Relativistic average loss of the generator, from logits (B, 1) of HR and SR.

    [BCE(real - mean(fake), 0) + BCE(fake - mean(real), 1)] / 2 with real held fixed: the gradient
    reaches the generator through fake and through its mean, as in ESRGAN's code.

    Source: Wang et al. 2018 (ESRGAN), section 3.2, halved as in its release.
    """
    real = real.detach()
    return (_bce(real - fake.mean(), False) + _bce(fake - real.mean(), True)) / 2


def relativistic_discriminator_loss(real: Tensor, fake: Tensor, detached_means: bool = False) -> Tensor:
    """Relativistic average loss of the discriminator, from logits (B, 1) of HR and of detached SR.

    [BCE(real - mean(fake), 1) + BCE(fake - mean(real), 0)] / 2; both means carry gradient, unless they are
    detached. The caller detaches SR itself, not its logits.

    Source: Wang et al. 2018 (ESRGAN), section 3.2, halved as in its release. Today's BasicSR detaches the
    means.
    """
    if detached_means:
        real_mean, fake_mean = real.mean().detach(), fake.mean().detach()
    else:
        real_mean, fake_mean = real.mean(), fake.mean()
    return (_bce(real - fake_mean, True) + _bce(fake - real_mean, False)) / 2


def standard_generator_loss(fake: Tensor) -> Tensor:
    """-log D(SR), the generator's non-saturating loss, from logits (B, 1).

    Source: Ledig et al. 2017 (SRGAN), equation of the adversarial loss.
    """
    return _bce(fake, True)


def standard_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """-log D(HR) - log(1 - D(SR)), from logits (B, 1) of HR and of detached SR."""
    return _bce(real, True) + _bce(fake, False)


class _Pair(nn.Module):
    """Logits of HR and of SR in one call: what several devices average is what one call used."""

    def __init__(self, discriminator: nn.Module, compute: Compute) -> None:
        super().__init__()
        self.discriminator, self.compute = discriminator, compute

    def forward(self, hr: Tensor, sr: Tensor) -> tuple[Tensor, Tensor]:
        with autocast(self.compute):
            return self.discriminator(hr).float(), self.discriminator(sr).float()


class Term:
    """The recipe's adversarial term, a mean over all images, and the training of its discriminator.

    Raises NetworkError for an unknown discriminator.
    """

    def __init__(self, training: SRTraining, feature_network: FeatureNetwork, compute: Compute) -> None:
        settings = training.losses.adversarial
        self.settings, self.compute = settings, compute
        self.relativistic = settings.kind == "relativistic"
        discriminator = load_network(settings.discriminator, settings.args)
        self.discriminator = image_layout(discriminator.to(compute.device))
        parameters = self.discriminator.parameters()
        self.optimiser = torch.optim.Adam(parameters, settings.lr, tuple(training.betas), fused=True)
        self.schedule = torch.optim.lr_scheduler.MultiStepLR(
            self.optimiser, training.milestones, training.gamma
        )

    def set_up(self, fabric: Fabric) -> None:
        """Train with ``fabric`` from now on; the relativistic means are those of a device's part."""
        self.fabric = fabric
        self.pair = fabric.setup_module(_Pair(self.discriminator, self.compute), move_to_device=False)

    def __call__(self, sr: Tensor, batch: Batch) -> Tensor:
        """The generator's weighted loss for ``sr`` (B, K, 3, 4s, 4s)."""
        # The generator's step needs the gradient through the discriminator, not of its weights.
        self.discriminator.requires_grad_(False)
        with autocast(self.compute):
            fake = self.discriminator(sr.flatten(0, 1)).float()
            if self.relativistic:
                with torch.no_grad():
                    real = self.discriminator(batch.hr.flatten(0, 1)).float()
        loss = relativistic_generator_loss(real, fake) if self.relativistic else standard_generator_loss(fake)
        return self.settings.weight * loss

    def train(self, sr: Tensor, batch: Batch) -> Tensor:
        """One step of the discriminator on the same images, ``sr`` detached; its loss."""
        self.discriminator.requires_grad_(True)
        real, fake = self.pair(batch.hr.flatten(0, 1), sr.flatten(0, 1))
        if self.relativistic:
            loss = relativistic_discriminator_loss(real, fake, self.settings.detached_means)
        else:
            loss = standard_discriminator_loss(real, fake)
        self.optimiser.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        self.optimiser.step()
        self.schedule.step()
        return loss.detach()

    def state_dict(self) -> dict[str, Any]:
        """The state of the discriminator and its training."""
        parts = (self.discriminator, self.optimiser, self.schedule)
        return {"parts": [part.state_dict() for part in parts]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Bring the discriminator and its training back to ``state``."""
        parts = (self.discriminator, self.optimiser, self.schedule)
        for part, saved in zip(parts, state["parts"], strict=True):
            part.load_state_dict(saved)
