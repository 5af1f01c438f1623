"""BasicVSR: Chan et al., "BasicVSR: The search for essential components in video super-resolution and
beyond", CVPR 2021.

Features are propagated through the whole clip, backwards in time and then forwards; at each step SPyNet's
flow warps them to the next frame (zeros outside). The features of both directions are fused and enlarged
twice by pixel shuffle; the result is added to the bilinearly enlarged frame.

As in BasicSR's code: names of the parameters, leaky ReLU of slope 0.1 outside the residual blocks and ReLU
inside, 30 blocks in each direction in the published weights.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.superres.network import ClipNetwork, in_float32
from pipeline.superres.networks._spynet import SPyNet

SLOPE = 0.1


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside the identity."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C, h, w)."""
        return x + self.conv2(F.relu(self.conv1(x)))


class Trunk(nn.Module):
    """A step of one direction: a frame and the features that come to it (B, 3 + C, h, w) -> (B, C, h, w)."""

    def __init__(self, features: int, blocks: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(features + 3, features, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Sequential(*(ResidualBlock(features) for _ in range(blocks))),
        )

    def forward(self, frame: Tensor, features: Tensor) -> Tensor:
        """The features of the frame."""
        return self.main(torch.cat([frame, features], 1))


class BasicVSR(ClipNetwork):
    """BasicVSR; 6,291,311 parameters with the defaults, of which SPyNet has 1,440,300.

    Args:
        features: channels of the features.
        blocks: residual blocks in each direction.
    """

    def __init__(self, features: int = 64, blocks: int = 30) -> None:
        super().__init__()
        self.features = features
        self.spynet = SPyNet()
        self.backward_trunk, self.forward_trunk = Trunk(features, blocks), Trunk(features, blocks)
        self.fusion = nn.Conv2d(2 * features, features, 1)
        self.upconv1 = nn.Conv2d(features, 4 * features, 3, padding=1)
        self.upconv2 = nn.Conv2d(features, 4 * 64, 3, padding=1)
        self.conv_hr = nn.Conv2d(64, 64, 3, padding=1)
        self.conv_last = nn.Conv2d(64, 3, 3, padding=1)

    def sequence(self, lr: Tensor, wanted: Collection[int]) -> Iterator[Tensor]:
        """The wanted frames (B, 3, 4h, 4w) in order, of a clip (B, T, 3, h, w)."""
        frames = lr.unbind(1)
        start = frames[0].new_zeros(lr.shape[0], self.features, *lr.shape[-2:])
        backward, moving = [], start
        for number in reversed(range(len(frames))):
            if number < len(frames) - 1:
                moving = self._follow(moving, frames[number], frames[number + 1])
            moving = self.backward_trunk(frames[number], moving)
            backward.append(moving)
        moving = start
        for number, frame in enumerate(frames):
            if number:
                moving = self._follow(moving, frame, frames[number - 1])
            moving = self.forward_trunk(frame, moving)
            features = torch.cat([backward.pop(), moving], 1)
            if number in wanted:
                yield self._enlarge(frame, features)

    def _follow(self, features: Tensor, frame: Tensor, source: Tensor) -> Tensor:
        """Features of the frame ``source``, warped to ``frame``."""
        flow = in_float32(self.spynet, torch.cat([frame, source], 1))
        return sample(features, flow)

    def _enlarge(self, frame: Tensor, features: Tensor) -> Tensor:
        x = F.leaky_relu(self.fusion(features), SLOPE)
        for convolution in (self.upconv1, self.upconv2):
            x = F.leaky_relu(F.pixel_shuffle(convolution(x), 2), SLOPE)
        residual = in_float32(self.conv_last, F.leaky_relu(self.conv_hr(x), SLOPE))
        return residual + F.interpolate(frame, scale_factor=4, mode="bilinear", align_corners=False)


def sample(features: Tensor, flow: Tensor) -> Tensor:
    """Features (B, C, h, w) at places moved by a flow (B, 2, h, w): bilinear, zeros outside."""
    height, width = features.shape[-2:]
    x = torch.arange(width, device=flow.device, dtype=flow.dtype) + flow[:, 0]
    y = torch.arange(height, device=flow.device, dtype=flow.dtype)[:, None] + flow[:, 1]
    grid = torch.stack([2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1], 3)
    return F.grid_sample(features, grid.to(features.dtype), padding_mode="zeros", align_corners=True)
