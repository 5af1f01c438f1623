"""Layers that FlowNet2's networks share, in plain torch (the published ones are CUDA extensions)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.1
LEVEL_WIDTHS = {5: 512, 4: 256, 3: 128, 2: 64}
"""Channels of the up-convolution that leads to each level."""


def conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution with leaky ReLU, the image's size divided by the stride."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2), nn.LeakyReLU(SLOPE, inplace=True)
    )


def plain_conv(inputs: int, outputs: int) -> nn.Sequential:
    """3x3 convolution without activation; a sequence, because the published names say ``.0``."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, 1, 1))


def deconv(inputs: int, outputs: int) -> nn.Sequential:
    """Up-convolution by two with leaky ReLU."""
    return nn.Sequential(nn.ConvTranspose2d(inputs, outputs, 4, 2, 1), nn.LeakyReLU(SLOPE, inplace=True))


def predict_flow(inputs: int) -> nn.Conv2d:
    """3x3 convolution to (u, v)."""
    return nn.Conv2d(inputs, 2, 3, 1, 1)


def upsample_flow(bias: bool = True) -> nn.ConvTranspose2d:
    """Learned enlargement of a flow field by two."""
    return nn.ConvTranspose2d(2, 2, 4, 2, 1, bias=bias)


def correlate(first: Tensor, second: Tensor, max_displacement: int = 20, stride: int = 2) -> Tensor:
    """Correlation of features: mean over channels of first(x) second(x + d), zero outside.

    Source: FlowNet (Dosovitskiy et al. 2015), section 3; docs/facts.md, section 6.

    Args:
        first: (B, C, H, W).
        second: (B, C, H, W).
        max_displacement: largest displacement in pixels.
        stride: step between displacements.

    Returns:
        (B, D^2, H, W), D = 2 max_displacement / stride + 1, displacements ordered by rows: y, then x.
    """
    height, width = first.shape[2:]
    padded = F.pad(second, [max_displacement] * 4)
    offsets = range(0, 2 * max_displacement + 1, stride)
    maps = [
        (first * padded[:, :, dy : dy + height, dx : dx + width]).mean(1) for dy in offsets for dx in offsets
    ]
    return torch.stack(maps, 1)


def channel_norm(features: Tensor) -> Tensor:
    """Euclidean norm over channels: (B, C, H, W) -> (B, 1, H, W)."""
    return features.square().sum(1, keepdim=True).sqrt()


class Refinement(nn.Module):
    """The expanding half of FlowNetC, FlowNetS and FlowNetSD: flow at 1/64 refined to 1/4.

    Source: FlowNet (Dosovitskiy et al. 2015), figure 3; module names are the published checkpoint's.

    Args:
        inter_conv: a further convolution before each prediction (FlowNetSD).
        upsample_bias: bias of the flow's up-convolutions (FlowNetS: none).
    """

    def __init__(self, inter_conv: bool = False, upsample_bias: bool = True) -> None:
        super().__init__()
        self.inter_conv = inter_conv
        skips = {5: 512, 4: 512, 3: 256, 2: 128}
        self.predict_flow6 = predict_flow(1024)
        inputs = 1024
        for level, width in LEVEL_WIDTHS.items():
            self.add_module(f"deconv{level}", deconv(inputs, width))
            self.add_module(f"upsampled_flow{level + 1}_to_{level}", upsample_flow(upsample_bias))
            inputs = skips[level] + width + 2
            if inter_conv:
                self.add_module(f"inter_conv{level}", plain_conv(inputs, width))
            self.add_module(f"predict_flow{level}", predict_flow(width if inter_conv else inputs))

    def refine(self, deepest: Tensor, skips: dict[int, Tensor]) -> Tensor:
        """Features at 1/64 and those at 1/32 ... 1/4 (keys 5 ... 2) -> flow (B, 2, H/4, W/4) / div_flow."""
        features, flow = deepest, self.predict_flow6(deepest)
        for level in LEVEL_WIDTHS:
            enlarged = self.get_submodule(f"upsampled_flow{level + 1}_to_{level}")(flow)
            raised = self.get_submodule(f"deconv{level}")(features)
            features = torch.cat((skips[level], raised, enlarged), 1)
            seen = self.get_submodule(f"inter_conv{level}")(features) if self.inter_conv else features
            flow = self.get_submodule(f"predict_flow{level}")(seen)
        return flow
