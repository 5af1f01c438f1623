"""SPMC's motion loss, with which its motion network is trained, alone or together with the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field

from pipeline.config.section import NonNegativeFloat, PositiveFloat
from pipeline.config.superres import Loss

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.config.compute import Compute
    from pipeline.superres.batches import Batch
    from pipeline.superres.network import SRNetwork
    from pipeline.superres.objective import Setting


class Looked(NamedTuple):
    """The SR network whose motion is evaluated, and its device and precision."""

    network: SRNetwork
    compute: Compute


class Motion(Loss):
    """SPMC's motion loss: L1 of the warped centre frame plus total variation of the flow, at LR."""

    weight: PositiveFloat = Field(0.01, description="factor of the loss (SPMC's lambda_2)")
    smoothness: NonNegativeFloat = Field(
        0.01, description="weight of the total variation in it (SPMC's lambda_1)"
    )

    def network_problem(self, network: SRNetwork) -> str | None:
        """Only networks with ``flows`` estimate motion."""
        if network.estimates_motion:
            return None
        return f"{type(network).__name__} estimates no motion; use network spmc, or leave the loss out"

    def build(self, setting: Setting) -> Looked:
        """The SR network itself."""
        return Looked(setting.network, setting.compute)

    def compute(self, sr: Tensor, batch: Batch, built: Looked) -> Tensor:
        """The loss of the motion in ``batch.lr``, summed over a pair like the pixel loss; ignores ``sr``."""
        from pipeline.superres.luma import luma
        from pipeline.training.torch_settings import autocast

        frames = luma(batch.lr.flatten(0, 1))  # (B K, T, 1, s, s)
        with autocast(built.compute):
            flows = built.network.flows(frames)
        loss = motion_loss(frames, flows.float(), self.smoothness)
        return self.weight * batch.lr.shape[1] * loss


def motion_loss(frames: Tensor, flows: Tensor, smoothness: float = 0.01) -> Tensor:
    """L_ME = sum_i |I_i - W(I_0, F_i)|_1 + smoothness * |grad F_i|_1 over all frames except the centre I_0.

    W is the backward bilinear warp: F_i leads from the pixels of frame i to those of the centre. Each norm
    is a mean over pixels (and, for the flow's differences along x and along y, over its two components).

    Args:
        frames: LR luma (B, T, 1, h, w), T odd.
        flows: (B, T, 2, h, w), LR pixels, u first; the centre's is not read.
        smoothness: weight of the flow's total variation, the paper's lambda_1.

    Returns:
        A scalar.

    Raises:
        ValueError: shapes that do not fit.

    Source: Tao et al. 2017 (SPMC), section 4.3, phase 1.
    """
    from pipeline.flow.warp import warp

    if frames.ndim != 5 or flows.shape != (*frames.shape[:2], 2, *frames.shape[3:]):
        raise ValueError(
            f"expected luma (B, T, 1, h, w) and flows (B, T, 2, h, w), got {tuple(frames.shape)} and "
            f"{tuple(flows.shape)}"
        )
    centre = frames.shape[1] // 2
    total = frames.new_zeros(())
    for index in range(frames.shape[1]):
        if index == centre:
            continue
        flow = flows[:, index]
        variation = flow.diff(dim=-1).abs().mean() + flow.diff(dim=-2).abs().mean()
        error = (warp(frames[:, centre], flow) - frames[:, index]).abs().mean()
        total = total + error + smoothness * variation
    return total
