"""What SR networks are trained on: pixel, flow-weighted, adversarial and warp losses.

Each loss is a function; the modules at the end only hold its settings. Images are RGB in [0, 1],
flow is in HR pixels, every result is a scalar unless stated.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.flow.warp import warp

Distance = Literal["mse", "l1", "huber"]
FlowWeight = Literal["none", "magnitude", "squared_magnitude"]
Adversary = Literal["relativistic", "standard"]


def flow_weight(flow: Tensor, kind: FlowWeight, normalise: Literal["none", "mean"] = "none") -> Tensor:
    """Weight of each pixel by the motion of the HR frame.

    Args:
        flow: (B, 2, H, W) in pixels, u first.
        kind: "none": 1; "magnitude": sqrt(u^2 + v^2); "squared_magnitude": u^2 + v^2 (the authors' code
            multiplies both images by the magnitude before an L2 loss).
        normalise: "mean" divides the weights of a patch by their mean; a patch without motion then
            weighs 1 everywhere.

    Returns:
        (B, 1, H, W).

    Raises:
        ValueError: an unknown kind or normalisation.

    Source: the paper, section 3.1.2; FACTS section 3.
    """
    if kind == "none":
        return torch.ones_like(flow[:, :1])
    weight = flow.square().sum(1, keepdim=True)
    if kind == "magnitude":
        weight = weight.sqrt()
    elif kind != "squared_magnitude":
        raise ValueError(f"flow weight {kind!r}: expected none, magnitude or squared_magnitude")
    if normalise == "none":
        return weight
    if normalise != "mean":
        raise ValueError(f"normalise {normalise!r}: expected none or mean")
    mean = weight.mean((1, 2, 3), keepdim=True)
    return torch.where(mean > 0, weight / mean.clamp_min(torch.finfo(weight.dtype).tiny), 1.0)


def huber(sr: Tensor, hr: Tensor, delta: float = 0.01) -> Tensor:
    """Huber's penalty of each value: d^2 / 2 where |d| <= delta, delta * (|d| - delta / 2) beyond.

    Args:
        sr: any shape.
        hr: the same shape.
        delta: the threshold, in units of the images.

    Returns:
        The same shape, not reduced.

    Source: VSR-DUF's loss (Jo et al. 2018), delta 0.01.
    """
    return F.huber_loss(sr, hr, reduction="none", delta=delta)


def pixel_loss(
    sr: Tensor, hr: Tensor, kind: Distance = "mse", delta: float = 0.01, weight: Tensor | None = None
) -> Tensor:
    """Mean penalty of the difference: 1/N * sum_i w_i * d(SR_i, HR_i).

    With kind "mse" and a weight of ``flow_weight`` it is the paper's L_wmse. N counts the values of
    the images (pixels times channels), so that weight 1 gives the ordinary mean; it is not the sum of
    the weights.

    Args:
        sr: (B, C, H, W).
        hr: the same shape.
        kind: "mse", "l1" or "huber".
        delta: Huber's threshold.
        weight: (B, 1, H, W), or None for 1.

    Raises:
        ValueError: shapes that differ, or an unknown kind.

    Source: the paper, section 3.1.2 (L_wmse); FACTS sections 3 and 4.
    """
    if sr.shape != hr.shape:
        raise ValueError(f"images differ in shape: {tuple(sr.shape)} and {tuple(hr.shape)}")
    if kind == "mse":
        penalty = (hr - sr).square()
    elif kind == "l1":
        penalty = (hr - sr).abs()
    elif kind == "huber":
        penalty = huber(sr, hr, delta)
    else:
        raise ValueError(f"pixel loss {kind!r}: expected mse, l1 or huber")
    return (penalty if weight is None else weight * penalty).mean()


def warp_loss(
    sr_t: Tensor,
    sr_t1: Tensor,
    hr_t: Tensor,
    flow: Tensor,
    a: float = 1.0,
    b: float = 1.0,
    kind: Distance = "huber",
    delta: float = 0.01,
) -> Tensor:
    """ToSR's temporal terms a * d(SR_t, W(SR_t+1, F)) + b * d(HR_t, W(SR_t+1, F)).

    Args:
        sr_t: (B, 3, H, W), super-resolved frame t.
        sr_t1: the same, of frame t + 1, by the same network.
        hr_t: HR frame t.
        flow: (B, 2, H, W), flow of HR from t to t + 1 in pixels.
        a: weight of the term against SR_t.
        b: weight of the term against HR_t.
        kind: penalty d.
        delta: Huber's threshold.

    Source: the paper, section 3.2.2; FACTS section 4 (authors' code: Huber 0.01, weights 1).
    """
    warped = warp(sr_t1, flow)
    return a * pixel_loss(warped, sr_t, kind, delta) + b * pixel_loss(warped, hr_t, kind, delta)


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


def relativistic_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Relativistic average loss of the discriminator, from logits (B, 1) of HR and of detached SR.

    [BCE(real - mean(fake), 1) + BCE(fake - mean(real), 0)] / 2; both means carry gradient. The caller
    detaches SR itself, not its logits.

    Source: Wang et al. 2018 (ESRGAN), section 3.2, halved as in its release.
    """
    return (_bce(real - fake.mean(), True) + _bce(fake - real.mean(), False)) / 2


def standard_generator_loss(fake: Tensor) -> Tensor:
    """-log D(SR), the generator's non-saturating loss, from logits (B, 1).

    Source: Ledig et al. 2017 (SRGAN), equation of the adversarial loss.
    """
    return _bce(fake, True)


def standard_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """-log D(HR) - log(1 - D(SR)), from logits (B, 1) of HR and of detached SR."""
    return _bce(real, True) + _bce(fake, False)


class PixelLoss(nn.Module):
    """``pixel_loss`` with its settings.

    Example:
        >>> PixelLoss("huber", 0.01)(torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4))
        tensor(0.0099)
    """

    def __init__(self, kind: Distance = "mse", delta: float = 0.01) -> None:
        super().__init__()
        self.kind, self.delta = kind, delta

    def forward(self, sr: Tensor, hr: Tensor, weight: Tensor | None = None) -> Tensor:
        """See ``pixel_loss``."""
        return pixel_loss(sr, hr, self.kind, self.delta, weight)


class WarpLoss(nn.Module):
    """``warp_loss`` with its settings."""

    def __init__(self, a: float = 1.0, b: float = 1.0, kind: Distance = "huber", delta: float = 0.01) -> None:
        super().__init__()
        self.a, self.b, self.kind, self.delta = a, b, kind, delta

    def forward(self, sr_t: Tensor, sr_t1: Tensor, hr_t: Tensor, flow: Tensor) -> Tensor:
        """See ``warp_loss``."""
        return warp_loss(sr_t, sr_t1, hr_t, flow, self.a, self.b, self.kind, self.delta)


class AdversarialLoss(nn.Module):
    """The relativistic average or the standard pair of losses.

    Raises:
        ValueError: an unknown kind.
    """

    def __init__(self, kind: Adversary = "relativistic") -> None:
        super().__init__()
        if kind not in ("relativistic", "standard"):
            raise ValueError(f"adversarial loss {kind!r}: expected relativistic or standard")
        self.kind = kind

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The generator's loss from logits of HR (unused by the standard one) and SR."""
        if self.kind == "standard":
            return standard_generator_loss(fake)
        return relativistic_generator_loss(real, fake)

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The discriminator's loss from logits of HR and of detached SR."""
        if self.kind == "standard":
            return standard_discriminator_loss(real, fake)
        return relativistic_discriminator_loss(real, fake)
