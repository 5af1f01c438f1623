"""SPyNet: Ranjan and Black, "Optical flow estimation using a spatial pyramid network", CVPR 2017.

The flow inside BasicVSR. As in BasicSR's port of Niklaus's: RGB is normalised by ImageNet's statistics, sides
are resized to multiples of 32, and averages over 2x2 pixels make six levels. Each level adds a correction to
the flow of the level below; it sees both images, the second warped by that flow (border values outside), and
the flow.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.flow.warp import warp
from pipeline.video.colour import IMAGENET_DEVIATION, IMAGENET_MEAN

LEVELS = 6
MULTIPLE = 32
FILTERS = (8, 32, 64, 32, 16, 2)
"""Channels of a level's input (two images and a flow) and of its five 7x7 convolutions."""


class Level(nn.Module):
    """Correction of a flow (B, 2, h, w) from both images and that flow, (B, 8, h, w)."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, filters in pairwise(FILTERS):
            layers += [nn.Conv2d(inputs, filters, 7, padding=3), nn.ReLU()]
        self.basic_module = nn.Sequential(*layers[:-1])

    def forward(self, stacked: Tensor) -> Tensor:
        """The correction, in pixels."""
        return self.basic_module(stacked)


class SPyNet(nn.Module):
    """Flow (B, 2, h, w) in pixels, u first, of a pair of images (B, 6, h, w), RGB in [0, 1]."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.basic_module = nn.ModuleList(Level() for _ in range(LEVELS))
        for name, colour in (("mean", IMAGENET_MEAN), ("std", IMAGENET_DEVIATION)):
            value = (torch.tensor(colour, dtype=torch.float64) / 255).float()
            self.register_buffer(name, value.view(1, 3, 1, 1))

    def forward(self, pair: Tensor) -> Tensor:
        """Flow from the first image to the second; sides of any length."""
        height, width = pair.shape[-2:]
        size = [-(-side // MULTIPLE) * MULTIPLE for side in (height, width)]
        pyramids = []
        for image in pair.split(3, 1):
            image = F.interpolate(image, size, mode="bilinear", align_corners=False)
            levels = [(image - self.mean) / self.std]
            for _ in range(LEVELS - 1):
                levels.append(F.avg_pool2d(levels[-1], 2))
            pyramids.append(levels[::-1])
        flow = torch.zeros_like(pyramids[0][0][:, :2])
        for number, (level, one, other) in enumerate(zip(self.basic_module, *pyramids, strict=True)):
            if number:
                flow = 2 * F.interpolate(flow, scale_factor=2, mode="bilinear", align_corners=True)
            flow = flow + level(torch.cat([one, warp(other, flow), flow], 1))
        flow = F.interpolate(flow, (height, width), mode="bilinear", align_corners=False)
        u, v = flow.unbind(1)
        return torch.stack([u * (width / size[1]), v * (height / size[0])], 1)
