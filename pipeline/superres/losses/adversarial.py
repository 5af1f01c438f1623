"""Adversarial losses, standard (SRGAN) and relativistic average (ESRGAN), with the discriminator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from pipeline.config.section import PositiveFloat
from pipeline.config.superres import FeatureNetwork, Loss, LossNetwork, SRTraining

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.config import Config
    from pipeline.superres.batches import Batch
    from pipeline.superres.discriminator import Critic
    from pipeline.superres.objective import Setting


class Adversarial(Loss):
    """A discriminator's loss and its own training."""

    kind: Literal["relativistic", "standard"] = Field(
        "relativistic", description="relativistic average GAN (ESRGAN) or the standard one (SRGAN)"
    )
    weight: PositiveFloat = Field(5e-3, description="factor of the loss")
    discriminator: str = Field(
        "vgg128", description="file in superres/discriminators, or package.module:Class"
    )
    args: dict[str, Any] = Field(default_factory=dict, description="its constructor's arguments")
    lr: PositiveFloat = Field(1e-4, description="its learning rate")
    detached_means: bool = Field(
        False,
        description="no gradient through the discriminator's relativistic means (today's BasicSR: true)",
    )

    def problems(self, key: str, training: SRTraining, config: Config) -> Iterator[str]:
        """A discriminator whose size differs from the patches'."""
        size, side = self.args.get("size"), training.crop or config.patches.size
        if size not in (None, side):
            yield (
                f"{key}.args.size: {size} is not the side of the patches that the "
                f"discriminator sees, {side} (training.crop, or patches.size); make them equal"
            )

    def modules(self) -> list[str]:
        """The loss and its discriminator."""
        name = self.discriminator
        return [*super().modules(), name if ":" in name else f"pipeline.superres.discriminators.{name}"]

    def networks(self, feature_network: FeatureNetwork) -> list[LossNetwork]:
        """Generator: HR forward, SR forward and backward; discriminator: both forward and backward."""
        return [LossNetwork("discriminator", self.discriminator, self.args, forward=1, trained=3)]

    def build(self, setting: Setting) -> Critic:
        """The discriminator in training; relativistic means are computed over a device's part of the batch.

        Raises PluginError or NetworkError if it cannot be built.
        """
        from pipeline.superres.discriminator import Critic

        return Critic(self, setting)

    def compute(self, sr: Tensor, batch: Batch, built: Critic) -> Tensor:
        """The generator's loss, a mean over all images."""
        import torch

        from pipeline.training.torch_settings import autocast

        relativistic = self.kind == "relativistic"
        # The generator needs the gradient through the discriminator, but not of its weights.
        built.discriminator.requires_grad_(False)
        with autocast(built.compute):
            fake = built.discriminator(sr.flatten(0, 1)).float()
            if relativistic:
                with torch.no_grad():
                    real = built.discriminator(batch.hr.flatten(0, 1)).float()
        return self.weight * (
            relativistic_generator_loss(real, fake) if relativistic else standard_generator_loss(fake)
        )

    def train(self, sr: Tensor, batch: Batch, built: Critic) -> dict[str, Tensor]:
        """One step of the discriminator; returns its loss."""
        built.discriminator.requires_grad_(True)
        real, fake = built.pair(batch.hr.flatten(0, 1), sr.flatten(0, 1))
        if self.kind == "relativistic":
            loss = relativistic_discriminator_loss(real, fake, self.detached_means)
        else:
            loss = standard_discriminator_loss(real, fake)
        built.step(loss)
        return {"discriminator": loss.detach()}

    def saved(self, built: Critic) -> list[Any]:
        """The discriminator and its training."""
        return [built.discriminator, built.descent]


def _bce(logits: Tensor, real: bool) -> Tensor:
    import torch

    target = torch.ones_like(logits) if real else torch.zeros_like(logits)
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, target)


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
