"""Base class of discriminators, and a discriminator in training."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from pipeline.config.compute import Compute
from pipeline.superres.discriminators import load_discriminator
from pipeline.superres.memory_format import image_layout
from pipeline.training.descent import Descent
from pipeline.training.torch_settings import autocast

if TYPE_CHECKING:
    from pipeline.superres.losses.adversarial import Adversarial
    from pipeline.superres.objective import Setting


class Discriminator(nn.Module):
    """Base of all discriminators, one per file of ``discriminators/``. Subclasses define ``logits``.

    Attributes:
        size: side in pixels of its input patches; set by the constructor.
    """

    HOME: ClassVar[str] = "pipeline.superres.discriminators"

    size: int

    def forward(self, patches: Tensor) -> Tensor:
        """Logits (B, 1) of RGB patches (B, 3, size, size) in [0, 1].

        Raises:
            ValueError: patches of another size.
        """
        if patches.shape[1:] != (3, self.size, self.size):
            raise ValueError(
                f"expected patches (B, 3, {self.size}, {self.size}), got {tuple(patches.shape)}; "
                "set the discriminator's size to the side of the patches"
            )
        return self.logits(patches)

    def logits(self, patches: Tensor) -> Tensor:
        """Logits (B, 1) of patches (B, 3, size, size)."""
        raise NotImplementedError(f"{type(self).__name__} must define logits")


class _Pair(nn.Module):
    """Logits of HR and of SR in one call, because devices average the gradients of one call."""

    def __init__(self, discriminator: Discriminator, compute: Compute) -> None:
        super().__init__()
        self.discriminator, self.compute = discriminator, compute

    def forward(self, hr: Tensor, sr: Tensor) -> tuple[Tensor, Tensor]:
        with autocast(self.compute):
            return self.discriminator(hr).float(), self.discriminator(sr).float()


class Critic:
    """A discriminator in training, with the recipe's schedule and Adam betas, and its own learning rate.

    Attributes:
        discriminator: the network.
        descent: its steps.
        pair: logits of HR and of SR, for the discriminator's own step.
    """

    def __init__(self, loss: Adversarial, setting: Setting) -> None:
        training, self.fabric, self.compute = setting.training, setting.fabric, setting.compute
        discriminator = load_discriminator(loss.discriminator, loss.args)
        self.discriminator = image_layout(discriminator.to(self.compute.device))
        parameters = self.discriminator.parameters()
        beta1, beta2 = training.betas
        adam = torch.optim.Adam(parameters, loss.lr, (beta1, beta2), fused=True)
        self.descent = Descent(self.discriminator, adam, training.milestones, training.gamma, None)
        self.pair = self.fabric.setup_module(_Pair(self.discriminator, self.compute), move_to_device=False)

    def step(self, loss: Tensor) -> None:
        """One step of the discriminator down its loss."""
        self.descent.zero_grad()
        self.fabric.backward(loss)
        self.descent.step()
