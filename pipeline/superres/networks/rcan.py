"""RCAN: Zhang et al., "Image super-resolution using very deep residual channel attention networks",
ECCV 2018.

10 residual groups of 20 blocks with channel attention, two pixel-shuffle steps (x2, x3: one, x8: three).

Details settled:
- Names of the release (yulunzhang/RCAN, an EDSR descendant): `head.0`, `body.G.body.B.body.{0,2,3}`
  with `conv_du.{0,2}` for the attention, `tail.0.{0,2}` for the enlargement, `tail.1`, and the mean
  shifts `sub_mean`, `add_mean` as 1x1 convolutions. 15,592,355 parameters without the mean shifts.
- The release works on [0, 255]; here frames are [0, 1] and multiplied by `rgb_range` on the way in and
  divided on the way out. DIV2K's mean (0.4488, 0.4371, 0.4040) is subtracted and added again.
- A block is conv, ReLU, conv, attention, plus its input; no residual scale; no activation when
  enlarging; zero padding.

Differs: the mean shifts are buffers, not parameters: they are loaded and saved, but never trained. (The
release intends to freeze them, but sets the flag on the module, where it has no effect.)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.superres.network import ImageNetwork, in_float32

DIV2K_MEAN = (0.4488, 0.4371, 0.4040)


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class MeanShift(nn.Module):
    """A fixed 1x1 convolution that adds a colour."""

    weight: Tensor
    bias: Tensor

    def __init__(self, shift: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", torch.eye(3)[:, :, None, None])
        self.register_buffer("bias", shift)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, h, w) to the same."""
        return F.conv2d(x, self.weight, self.bias)


class ChannelAttention(nn.Module):
    """Each channel times a weight in (0, 1) that depends on the means of all channels."""

    def __init__(self, features: int, reduction: int) -> None:
        super().__init__()
        squeezed = features // reduction
        self.conv_du = nn.Sequential(
            nn.Conv2d(features, squeezed, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(squeezed, features, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, features, h, w) to the same."""
        return x * self.conv_du(x.mean((2, 3), keepdim=True))


class AttentionBlock(nn.Module):
    """conv, ReLU, conv, channel attention, plus the input."""

    def __init__(self, features: int, reduction: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _conv(features, features),
            nn.ReLU(inplace=True),
            _conv(features, features),
            ChannelAttention(features, reduction),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, features, h, w) to the same."""
        return x + self.body(x)


class Group(nn.Module):
    """Blocks and a convolution, plus the input."""

    def __init__(self, blocks: int, features: int, reduction: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(AttentionBlock(features, reduction) for _ in range(blocks)), _conv(features, features)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, features, h, w) to the same."""
        return x + self.body(x)


class RCAN(ImageNetwork):
    """Residual channel attention network.

    Args:
        groups: residual groups.
        blocks: attention blocks of a group.
        features: filters of a convolution.
        reduction: factor by which the attention reduces the number of channels.
        rgb_range: the network's value of white.
        mean_shift: whether DIV2K's mean colour is subtracted before and added after.
        scale: enlargement.
    """

    scales = (2, 3, 4, 8)

    def __init__(
        self,
        groups: int = 10,
        blocks: int = 20,
        features: int = 64,
        reduction: int = 16,
        rgb_range: float = 255.0,
        mean_shift: bool = True,
        scale: int = 4,
    ) -> None:
        super().__init__()
        if features < reduction:
            raise ValueError(
                f"reduction is {reduction}, but must be at most the number of features, {features}"
            )
        self.rgb_range = rgb_range
        mean = rgb_range * torch.tensor(DIV2K_MEAN)
        self.sub_mean = MeanShift(-mean) if mean_shift else nn.Identity()
        self.add_mean = MeanShift(mean) if mean_shift else nn.Identity()
        self.head = nn.Sequential(_conv(3, features))
        self.body = nn.Sequential(
            *(Group(blocks, features, reduction) for _ in range(groups)), _conv(features, features)
        )
        steps = [3] if scale == 3 else [2] * (scale.bit_length() - 1)
        enlarge = nn.Sequential(
            *(m for n in steps for m in (_conv(features, n * n * features), nn.PixelShuffle(n)))
        )
        self.tail = nn.Sequential(enlarge, _conv(features, 3))

    def super_resolve(self, lr: Tensor) -> Tensor:
        """Super-resolve (B, 3, h, w) to (B, 3, s h, s w)."""
        x = self.head(in_float32(self.sub_mean, lr * self.rgb_range))
        x = x + self.body(x)
        x = in_float32(self.tail[1], self.tail[0](x))
        return in_float32(self.add_mean, x) / self.rgb_range
