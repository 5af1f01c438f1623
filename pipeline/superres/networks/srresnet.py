"""SRResNet, the generator of SRGAN: Ledig et al., "Photo-realistic single image super-resolution using
a generative adversarial network", CVPR 2017.

9x9 convolution, residual blocks with batch normalisation, 3x3 convolution with batch normalisation and
a long skip, two pixel-shuffle steps (one for x2, three for x8), 9x9 convolution.

Details settled:
- Layout of the most used PyTorch release (leftthomas/SRGAN): `block1` the first convolution, then one
  `blockN` a residual block, one for the 3x3 convolution and one for enlargement and output. It has 5
  residual blocks: `blocks=5, bias=True, output="tanh"` is that network. The paper's 16 are the default.
- A block is conv, BN, PReLU, conv, BN, plus its input; BN epsilon 1e-5; one PReLU slope a layer;
  convolution, then pixel shuffle, then PReLU when enlarging; zero padding.
- Convolutions before a BN have no bias (it would cancel): 1,547,350 parameters. The 5-block release
  has them (`bias=True`).
- Output: the paper's images are in [-1, 1] with a linear last layer; here [0, 1] and linear. The 5-block
  release ends in (tanh + 1) / 2 (`output="tanh"`).
"""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor, nn

from pipeline.superres.network import ImageNetwork, in_float32


class ResidualBlock(nn.Module):
    """conv, BN, PReLU, conv, BN, plus the input."""

    def __init__(self, features: int, bias: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, padding=1, bias=bias)
        self.bn1 = nn.BatchNorm2d(features)
        self.prelu = nn.PReLU()
        self.conv2 = nn.Conv2d(features, features, 3, padding=1, bias=bias)
        self.bn2 = nn.BatchNorm2d(features)

    def forward(self, x: Tensor) -> Tensor:
        """(B, features, h, w) to the same."""
        return x + self.bn2(self.conv2(self.prelu(self.bn1(self.conv1(x)))))


class Enlarge2(nn.Module):
    """Enlarge by 2: conv, pixel shuffle, PReLU."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(features, 4 * features, 3, padding=1)
        self.prelu = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(B, features, h, w) to (B, features, 2h, 2w)."""
        return self.prelu(nn.functional.pixel_shuffle(self.conv(x), 2))


class SRResNet(ImageNetwork):
    """SRGAN's generator.

    Args:
        blocks: residual blocks.
        features: filters of a convolution.
        bias: whether convolutions before a batch normalisation have a bias.
        output: "linear", or "tanh" for (tanh + 1) / 2.
        scale: enlargement, one pixel-shuffle step for each factor of 2.
    """

    scales = (2, 4, 8)

    def __init__(
        self,
        blocks: int = 16,
        features: int = 64,
        bias: bool = False,
        output: Literal["linear", "tanh"] = "linear",
        scale: int = 4,
    ) -> None:
        super().__init__()
        if output not in ("linear", "tanh"):
            raise ValueError(f"output is {output!r}, but must be 'linear' or 'tanh'")
        self.blocks = blocks
        self.output = output
        self.block1 = nn.Sequential(nn.Conv2d(3, features, 9, padding=4), nn.PReLU())
        for index in range(blocks):
            self.add_module(f"block{index + 2}", ResidualBlock(features, bias))
        trunk_end = nn.Sequential(
            nn.Conv2d(features, features, 3, padding=1, bias=bias), nn.BatchNorm2d(features)
        )
        self.add_module(f"block{blocks + 2}", trunk_end)
        steps = (Enlarge2(features) for _ in range(scale.bit_length() - 1))
        tail = nn.Sequential(*steps, nn.Conv2d(features, 3, 9, padding=4))
        self.add_module(f"block{blocks + 3}", tail)

    def super_resolve(self, lr: Tensor) -> Tensor:
        """Super-resolve (B, 3, h, w) to (B, 3, s h, s w)."""
        first = self.block1(lr)
        x = first
        for index in range(2, self.blocks + 3):
            x = self.get_submodule(f"block{index}")(x)
        tail = cast(nn.Sequential, self.get_submodule(f"block{self.blocks + 3}"))
        x = in_float32(tail[-1], tail[:-1](first + x))
        return (torch.tanh(x) + 1) / 2 if self.output == "tanh" else x
