"""RRDBNet, the generator of ESRGAN (and of SoSR): Wang et al., "ESRGAN: Enhanced super-resolution
generative adversarial networks", ECCV workshops 2018.

Convolution, residual-in-residual dense blocks with a long skip, two nearest-neighbour enlargements each
followed by a convolution, two convolutions. No normalisation.

Details settled:
- Layout and names of the current release (BasicSR): `conv_first`, `body.N.rdbM.convK`, `conv_body`,
  `conv_up1`, `conv_up2`, `conv_hr`, `conv_last`; `weights/families/esrgan.py` converts the two older ones.
- Leaky ReLU with slope 0.2 after each convolution except the fifth of a dense block, `conv_body`,
  `conv_first` and `conv_last`; both residual scales are 0.2; zero padding.
- Dense blocks start from He's initialisation times 0.1, as in the release. 16,697,987 parameters.
- For x2, 2x2 pixels become channels before the first convolution (12 instead of 3), as in the release. Here
  odd sides are padded by their last pixel, and the result is cut.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.superres.network import ImageNetwork, in_float32

SLOPE = 0.2
RESIDUAL_SCALE = 0.2


class DenseBlock(nn.Module):
    """Five convolutions, each on all earlier features; its scaled output is added to its input."""

    conv1: nn.Conv2d
    conv2: nn.Conv2d
    conv3: nn.Conv2d
    conv4: nn.Conv2d
    conv5: nn.Conv2d

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        for index in range(5):
            out = growth if index < 4 else features
            conv = nn.Conv2d(features + index * growth, out, 3, padding=1)
            nn.init.kaiming_normal_(conv.weight)
            conv.weight.data.mul_(0.1)
            assert conv.bias is not None  # by default
            nn.init.zeros_(conv.bias)
            self.add_module(f"conv{index + 1}", conv)

    def forward(self, x: Tensor) -> Tensor:
        """(B, features, h, w) to the same."""
        features = [x]
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            features.append(F.leaky_relu_(conv(torch.cat(features, 1)), SLOPE))
        return x + RESIDUAL_SCALE * self.conv5(torch.cat(features, 1))


class RRDB(nn.Module):
    """Three dense blocks in a residual block."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = DenseBlock(features, growth)
        self.rdb2 = DenseBlock(features, growth)
        self.rdb3 = DenseBlock(features, growth)

    def forward(self, x: Tensor) -> Tensor:
        """(B, features, h, w) to the same."""
        return x + RESIDUAL_SCALE * self.rdb3(self.rdb2(self.rdb1(x)))


class RRDBNet(ImageNetwork):
    """ESRGAN's generator.

    Args:
        blocks: residual-in-residual dense blocks.
        features: filters of the trunk.
        growth: filters that each convolution of a dense block adds.
        scale: enlargement.
    """

    scales = (2, 4)

    def __init__(self, blocks: int = 23, features: int = 64, growth: int = 32, scale: int = 4) -> None:
        super().__init__()
        self.scale, self.shrink = scale, 4 // scale
        self.conv_first = nn.Conv2d(3 * self.shrink**2, features, 3, padding=1)
        self.body = nn.Sequential(*(RRDB(features, growth) for _ in range(blocks)))
        self.conv_body = nn.Conv2d(features, features, 3, padding=1)
        self.conv_up1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv_up2 = nn.Conv2d(features, features, 3, padding=1)
        self.conv_hr = nn.Conv2d(features, features, 3, padding=1)
        self.conv_last = nn.Conv2d(features, 3, 3, padding=1)

    def super_resolve(self, lr: Tensor) -> Tensor:
        """Super-resolve (B, 3, h, w) to (B, 3, s h, s w)."""
        height, width = lr.shape[-2:]
        if self.shrink > 1:
            lr = F.pad(lr, (0, -width % self.shrink, 0, -height % self.shrink), mode="replicate")
            lr = F.pixel_unshuffle(lr, self.shrink)
        x = self.conv_first(lr)
        x = x + self.conv_body(self.body(x))
        for conv in (self.conv_up1, self.conv_up2):
            x = F.leaky_relu_(conv(F.interpolate(x, scale_factor=2, mode="nearest")), SLOPE)
        sr = in_float32(self.conv_last, F.leaky_relu_(self.conv_hr(x), SLOPE))
        return sr[..., : self.scale * height, : self.scale * width]
