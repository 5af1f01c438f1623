"""SPMC's motion term: what its motion network is trained on, alone and together with the rest."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipeline.config import Compute, FeatureNetwork, SRTraining
from pipeline.flow.warp import warp
from pipeline.superres.batches import Batch
from pipeline.superres.networks import NetworkError
from pipeline.superres.networks.luma import luma
from pipeline.torch_settings import autocast


def motion_loss(frames: Tensor, flows: Tensor, smoothness: float = 0.01) -> Tensor:
    """L_ME = sum_i |I_i - W(I_0, F_i)|_1 + smoothness * |grad F_i|_1 over the frames but the centre I_0.

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


class Term:
    """The recipe's motion term: the sum over a pair, as the pixel term.

    The network that it is attached to must have ``flows``, from luma (B, T, 1, h, w) to flows
    (B, T, 2, h, w).
    """

    def __init__(self, training: SRTraining, feature_network: FeatureNetwork, compute: Compute) -> None:
        self.settings, self.compute = training.losses.motion, compute
        self.network: nn.Module | None = None

    def attach(self, network: nn.Module) -> None:
        """Look at this network from now on. Raises NetworkError if it estimates no motion."""
        if not hasattr(network, "flows"):
            raise NetworkError(
                f"losses.motion is set, but {type(network).__name__} estimates no motion (it has no flows); "
                "use network spmc, or leave the term out"
            )
        self.network = network

    def __call__(self, sr: Tensor, batch: Batch) -> Tensor:
        """The weighted loss of the motion in ``batch.lr``; ``sr`` is not read."""
        if self.network is None:
            raise NetworkError("the motion term has no network; attach it before the training")
        frames = luma(batch.lr.flatten(0, 1))  # (B K, T, 1, s, s)
        with autocast(self.compute):
            flows = self.network.flows(frames)
        loss = motion_loss(frames, flows.to(torch.float32), self.settings.smoothness)
        return self.settings.weight * batch.lr.shape[1] * loss
