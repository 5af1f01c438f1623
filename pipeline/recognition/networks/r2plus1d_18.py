"""R(2+1)D-18 (Tran et al., CVPR 2018), with torchvision's architecture and key names.

Each 3-D convolution is one over space, then one over time, with batch normalisation and ReLU between them. As
in torchvision, both convolutions of a block have the channels between of its first one. Input is normalised
with the mean and deviation of Kinetics-400.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from pipeline.recognition.backbone import ClipBackbone, Normalisation, initialise

KINETICS = Normalisation(
    "rgb",
    (255 * 0.43216, 255 * 0.394666, 255 * 0.37645),
    (255 * 0.22803, 255 * 0.22145, 255 * 0.216989),
    255 * 0.222156,
)


def factorised(n_in: int, n_between: int, n_out: int, stride: int = 1) -> list[nn.Module]:
    """A convolution over space, then one over time: (B, n_in, T, H, W) -> (B, n_out, T/s, H/s, W/s)."""
    return [
        nn.Conv3d(n_in, n_between, (1, 3, 3), (1, stride, stride), (0, 1, 1), bias=False),
        nn.BatchNorm3d(n_between),
        nn.ReLU(inplace=True),
        nn.Conv3d(n_between, n_out, (3, 1, 1), (stride, 1, 1), (1, 0, 0), bias=False),
    ]


class Block(nn.Module):
    """A residual unit of two factorised convolutions."""

    def __init__(self, n_in: int, n_out: int, stride: int):
        super().__init__()
        # As many parameters as 3x3x3 convolutions have.
        between = (n_in * n_out * 27) // (n_in * 9 + n_out * 3)
        self.conv1 = nn.Sequential(
            nn.Sequential(*factorised(n_in, between, n_out, stride)), nn.BatchNorm3d(n_out), nn.ReLU(True)
        )
        self.conv2 = nn.Sequential(nn.Sequential(*factorised(n_out, between, n_out)), nn.BatchNorm3d(n_out))
        self.downsample = None
        if stride > 1 or n_in != n_out:
            self.downsample = nn.Sequential(
                nn.Conv3d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm3d(n_out)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, T, H, W) -> (B, C', T/s, H/s, W/s)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.conv2(self.conv1(x)) + shortcut)


class R2Plus1D18(ClipBackbone):
    """31.5 million parameters with 400 classes.

    ``width``: channels of the first stage, which double at each further stage; ``blocks``: residual units of
    the stages. A clip of any length and size will do.
    """

    normalisation = KINETICS
    first_conv = "stem.0"
    classifier = "fc"

    def __init__(
        self,
        classes: int = 400,
        frames: int = 16,
        side: int = 112,
        dropout: float = 0.0,
        width: int = 64,
        blocks: Sequence[int] = (2, 2, 2, 2),
    ):
        super().__init__()
        between = 45 * width // 64
        self.stem = nn.Sequential(
            nn.Conv3d(3, between, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False),
            nn.BatchNorm3d(between),
            nn.ReLU(inplace=True),
            nn.Conv3d(between, width, (3, 1, 1), 1, (1, 0, 0), bias=False),
            nn.BatchNorm3d(width),
            nn.ReLU(inplace=True),
        )
        channels = width
        self.stages = len(blocks)
        for stage, count in enumerate(blocks):
            units = []
            for unit in range(count):
                n_out = width * 2**stage
                units.append(Block(channels, n_out, 2 if stage and not unit else 1))
                channels = n_out
            self.add_module(f"layer{stage + 1}", nn.Sequential(*units))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, classes)
        initialise(self)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, T, H, W) -> (B, F, T/8, H/16, W/16), rounded up."""
        x = self.stem(x)
        for stage in range(self.stages):
            x = self.get_submodule(f"layer{stage + 1}")(x)
        return x
