"""ResNet-50: He et al., "Deep residual learning for image recognition", CVPR 2016; a stream of ST-ResNet.

7x7 convolution, max-pooling, 3 + 4 + 6 + 3 bottleneck units, average pooling, linear layer. 25,557,032
parameters with 1000 classes.

Details settled:
- Layout, names and numbers of torchvision (`conv1`, `layerN.M.convK`, `downsample`, `fc`): no biases but
  the classifier's, BN epsilon 1e-5, projections where the shape changes, stride in a unit's 3x3 convolution,
  first max-pooling padded by one; input (RGB / 255 - mean) / deviation of ImageNet.
- `caffe=True` is the authors' Caffe model, from which the published ST-ResNet starts (by way of
  MatConvNet's imagenet-resnet-50-dag): stride in a unit's first 1x1 convolution; first max-pooling rounds
  sizes up without padding, which MatConvNet writes as padding (0, 1, 0, 1); input is RGB minus the mean of
  Caffe's mean image, not divided; flow minus 128.
- Only in this model Caffe's conv1 has a bias; BN follows, so it is folded into `bn1.running_mean` (minus the
  bias) when weights are imported. MatConvNet's BN stores mean and deviation, sqrt(variance + 1e-5).
- The head pools windows of 7x7 and averages the scores over their positions, as ST-ResNet's test on whole
  frames does; for a 224x224 input that is torchvision's global average.

Differs: `depths` and `width` make it smaller.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from pipeline.recognition.backbone import IMAGENET, Backbone, Normalisation, Unit, initialise

CAFFE_RGB = Normalisation("rgb", (123.151630838, 115.902882574, 103.062623801), (1.0, 1.0, 1.0), 1.0)
"""Means over Caffe's ResNet_mean.binaryproto, as in MatConvNet's import of that model."""


class Bottleneck(Unit):
    """1x1, 3x3, 1x1 convolutions with a shortcut, projected where the shape changes."""

    pointwise = ("conv1", "conv3")

    def __init__(self, n_in: int, width: int, stride: int, caffe: bool):
        super().__init__()
        first, second = (stride, 1) if caffe else (1, stride)
        self.conv1 = nn.Conv2d(n_in, width, 1, first, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, second, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = None
        if stride != 1 or n_in != 4 * width:
            self.downsample = nn.Sequential(
                nn.Conv2d(n_in, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width)
            )

    def residual(self, x: torch.Tensor) -> torch.Tensor:
        """The three convolutions."""
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = F.relu(self.bn2(self.conv2(x)), inplace=True)
        return self.bn3(self.conv3(x))

    def shortcut(self, x: torch.Tensor) -> torch.Tensor:
        """The input, projected where the shape changes."""
        return x if self.downsample is None else self.downsample(x)

    def activation(self, x: torch.Tensor) -> torch.Tensor:
        """ReLU after the sum."""
        return F.relu(x)


class ResNet50(Backbone):
    """25.6 million parameters with 1000 classes; ``depths`` and ``width`` make it smaller."""

    first_conv = "conv1"
    classifier = "fc"

    def __init__(
        self,
        classes: int = 1000,
        in_channels: int = 3,
        dropout: float = 0.0,
        depths: Sequence[int] = (3, 4, 6, 3),
        width: int = 64,
        caffe: bool = False,
    ):
        super().__init__()
        self.normalisation = CAFFE_RGB if caffe else IMAGENET
        self.caffe = caffe
        self.conv1 = nn.Conv2d(in_channels, width, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        channels = width
        for stage, depth in enumerate(depths):
            planes = width * 2**stage
            units = []
            for unit in range(depth):
                stride = 2 if stage and not unit else 1
                units.append(Bottleneck(channels, planes, stride, caffe))
                channels = 4 * planes
            self.add_module(f"layer{stage + 1}", nn.Sequential(*units))
        self.depths = tuple(depths)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, classes)
        initialise(self)

    @property
    def stages(self) -> list[list[Unit]]:
        """The units of conv2 to conv5."""
        return [list(getattr(self, f"layer{stage + 1}")) for stage in range(len(self.depths))]

    def stem(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) -> (B, width, H/4, W/4)."""
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        if self.caffe:
            return F.max_pool2d(x, 3, 2, ceil_mode=True)
        return F.max_pool2d(x, 3, 2, padding=1)

    def neck(self, x: torch.Tensor) -> torch.Tensor:
        """Nothing between the last unit and the pooling."""
        return x

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) -> (B, 32 x width, H/32, W/32)."""
        x = self.stem(x)
        for units in self.stages:
            for unit in units:
                x = unit(x)
        return x
