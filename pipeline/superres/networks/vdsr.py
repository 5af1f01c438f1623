"""VDSR: Kim, Lee, Lee, "Accurate image super-resolution using very deep convolutional networks", CVPR 2016.

20 convolutions 3x3 of 64 filters on the bicubic-enlarged luma, ReLU between them, output added to the
input. Chroma is bicubic.

Details settled:
- No biases and zero padding, as in the most used PyTorch release (twtygqyy/pytorch-vdsr), whose layout
  (`input`, `residual_layer.N.conv`, `output`) the parameters have; the paper's MatConvNet model has biases.
  664,704 parameters.
- Luma is studio range [16/255, 235/255] without clipping; nothing is subtracted from it.
- Enlargement is MATLAB's bicubic of the LR frame, in float: so the release's weights give its reported
  31.45 dB on Set5 (31.36 with the enlarged RGB rounded to 8 bits, 31.03 with the enlarged luma rounded).

Differs: training starts from bicubic, because the last convolution starts near zero. The release draws it
with a standard deviation of 0.47 and needs its large rate and clipped gradients. The others are initialised
by fan-in (the release: by fan-out, which differs only for the first).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipeline.superres.luma import LUMA_TO_RGB, luma
from pipeline.superres.network import ImageNetwork, in_float32
from pipeline.superres.networks.bicubic import enlarge


class ConvReLU(nn.Module):
    """A 3x3 convolution without bias, then ReLU."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(features, features, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, features, H, W) to the same."""
        return torch.relu_(self.conv(x))


class VDSR(ImageNetwork):
    """Very deep SR network on luma.

    Args:
        depth: convolutions, first and last included; at least 2.
        features: filters of each.
        scale: enlargement before the first convolution; the weights are of any (the release's of 2, 3 and 4).
    """

    scales = (2, 3, 4, 8)

    def __init__(self, depth: int = 20, features: int = 64, scale: int = 4) -> None:
        super().__init__()
        self.scale = scale
        if depth < 2:
            raise ValueError(f"depth is {depth}, but VDSR has at least 2 convolutions")
        self.input = nn.Conv2d(1, features, 3, padding=1, bias=False)
        self.residual_layer = nn.Sequential(*(ConvReLU(features) for _ in range(depth - 2)))
        self.output = nn.Conv2d(features, 1, 3, padding=1, bias=False)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.normal_(self.output.weight, std=1e-3)

    def residual(self, y: Tensor) -> Tensor:
        """The residual that is added to bicubic luma (B, 1, H, W)."""
        x = torch.relu_(self.input(y))
        return in_float32(self.output, self.residual_layer(x))

    def super_resolve(self, lr: Tensor) -> Tensor:
        """Super-resolve (B, 3, h, w) to (B, 3, s h, s w)."""
        base = enlarge(lr, self.scale)
        return base + LUMA_TO_RGB * self.residual(luma(base))
