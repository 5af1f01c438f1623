"""Pixel losses, optionally weighted by the flow of the HR frame (section 3.1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from pipeline.config.section import PositiveFloat
from pipeline.config.superres import Loss

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.superres.batches import Batch

Distance = Literal["mse", "l1", "huber"]
FlowWeight = Literal["none", "magnitude", "squared_magnitude"]


class Pixel(Loss):
    """A pixel loss, optionally weighted by the flow of the HR frame (section 3.1.2, L_wmse)."""

    kind: Distance = Field("mse", description="penalty of a difference")
    weight: PositiveFloat = Field(1.0, description="factor of the loss")
    delta: PositiveFloat = Field(0.01, description="Huber's threshold, in units of [0, 1] images")
    flow_weight: FlowWeight = Field("none", description="per-pixel weight: 1, |flow| or |flow|^2")
    normalise: Literal["none", "mean"] = Field(
        "none", description="mean: weights of a patch are divided by their mean"
    )

    def compute(self, sr: Tensor, batch: Batch, built: None = None) -> Tensor:
        """The sum over a pair, as in ToSR's equation; the flow weights both frames."""
        weight = None
        if self.flow_weight != "none":
            weight = flow_weight(batch.flow, self.flow_weight, self.normalise)
            weight = weight.repeat_interleave(sr.shape[1], 0)  # (B K, 1, 4s, 4s)
        fakes, reals = sr.flatten(0, 1), batch.hr.flatten(0, 1)  # (B K, 3, 4s, 4s)
        penalty = pixel_loss(fakes, reals, self.kind, self.delta, weight)
        return self.weight * sr.shape[1] * penalty


def flow_weight(flow: Tensor, kind: FlowWeight, normalise: Literal["none", "mean"] = "none") -> Tensor:
    """Weight of each pixel by the motion of the HR frame.

    Args:
        flow: (B, 2, H, W) in pixels, u first.
        kind: "none": 1; "magnitude": sqrt(u^2 + v^2); "squared_magnitude": u^2 + v^2 (the authors' code
            multiplies both images by the magnitude before an L2 loss).
        normalise: "mean" divides the weights of a patch by their mean; a patch without motion then has
            weight 1 everywhere.

    Returns:
        (B, 1, H, W).

    Raises:
        ValueError: an unknown kind or normalisation.

    Source: the paper, section 3.1.2; docs/facts.md, section 3.
    """
    import torch

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
    from torch.nn.functional import huber_loss

    return huber_loss(sr, hr, reduction="none", delta=delta)


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

    Source: the paper, section 3.1.2 (L_wmse); docs/facts.md, section 3 and 4.
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
