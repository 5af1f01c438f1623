"""ToSR's warp loss: what the siamese pair adds to its pixel terms (section 3.2.2)."""

from __future__ import annotations

from torch import Tensor

from pipeline.config import Compute, FeatureNetwork, PixelLoss, SRTraining
from pipeline.flow.warp import Outside, warp
from pipeline.superres.batches import Batch
from pipeline.superres.losses.pixel import Distance, pixel_loss


def warp_loss(
    sr_t: Tensor,
    sr_t1: Tensor,
    hr_t: Tensor,
    flow: Tensor,
    a: float = 1.0,
    b: float = 1.0,
    kind: Distance = "huber",
    delta: float = 0.01,
    outside: Outside = "zeros",
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
        outside: what the warp gives outside of the frame (``pipeline.flow.warp``).

    Source: the paper, section 3.2.2; docs/facts.md, section 4 (authors' code: Huber 0.01, weights 1, zeros).
    """
    warped = warp(sr_t1, flow, outside)
    return a * pixel_loss(warped, sr_t, kind, delta) + b * pixel_loss(warped, hr_t, kind, delta)


class Term:
    """The recipe's warp terms, with the pixel term's penalty, or Huber's where there is none.

    The authors' code uses Huber in all four terms.
    """

    def __init__(self, training: SRTraining, feature_network: FeatureNetwork, compute: Compute) -> None:
        self.settings = training.losses.warp
        self.penalty = training.losses.pixel or PixelLoss(kind="huber")

    def __call__(self, sr: Tensor, batch: Batch) -> Tensor:
        """The weighted loss of a pair ``sr`` (B, 2, 3, 4s, 4s)."""
        return warp_loss(
            *[sr[:, 0], sr[:, 1], batch.hr[:, 0], batch.flow],
            *[self.settings.sr, self.settings.hr, self.penalty.kind, self.penalty.delta],
            outside=self.settings.outside,
        )
