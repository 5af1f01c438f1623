"""ToSR's warp loss, which is added to the pixel losses of the siamese pair (section 3.2.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from pipeline.config.section import NonNegativeFloat
from pipeline.config.superres import Loss, SRTraining
from pipeline.superres.losses.pixel import Distance, Pixel, pixel_loss

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.config import Config
    from pipeline.superres.batches import Batch
    from pipeline.superres.objective import Setting

Outside = Literal["zeros", "border"]


class Warp(Loss):
    """ToSR's temporal terms a*d(SR_t, W(SR_t+1)) + b*d(HR_t, W(SR_t+1)) (section 3.2.2)."""

    pairs = True
    turned = False  # as in the authors' code

    sr: NonNegativeFloat = Field(1.0, description="a: warped SR_t+1 against SR_t")
    hr: NonNegativeFloat = Field(1.0, description="b: warped SR_t+1 against HR_t")
    outside: Outside = Field(
        "zeros", description="value of the warp outside the frame: 0 (authors' code) or the nearest pixel"
    )

    def problems(self, key: str, training: SRTraining, config: Config) -> Iterator[str]:
        """A recipe without any other loss."""
        if list(training.terms.values()) == [self]:
            recipe = key.rpartition(".")[0]
            yield f"{recipe}: nothing to minimise but warp errors; give another loss too, such as pixel"

    def build(self, setting: Setting) -> Pixel:
        """The penalty: that of the recipe's pixel loss, or Huber's if there is none.

        The authors' code uses Huber in all four terms.
        """
        pixel = (loss for loss in setting.training.terms.values() if isinstance(loss, Pixel))
        return next(pixel, Pixel(loss="pixel", kind="huber"))

    def compute(self, sr: Tensor, batch: Batch, built: Pixel) -> Tensor:
        """The loss of a pair (B, 2, 3, 4s, 4s)."""
        return warp_loss(
            sr[:, 0],
            sr[:, 1],
            batch.hr[:, 0],
            batch.flow,
            a=self.sr,
            b=self.hr,
            kind=built.kind,
            delta=built.delta,
            outside=self.outside,
        )


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
        outside: value of the warp outside the frame (``pipeline.flow.warp``).

    Source: the paper, section 3.2.2; docs/facts.md, section 4 (authors' code: Huber 0.01, weights 1, zeros).
    """
    from pipeline.flow.warp import warp

    warped = warp(sr_t1, flow, outside)
    return a * pixel_loss(warped, sr_t, kind, delta) + b * pixel_loss(warped, hr_t, kind, delta)
