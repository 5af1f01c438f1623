"""Base classes of the recognisers' networks, and their initialisation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import nn

from pipeline.video.colour import IMAGENET_DEVIATION, IMAGENET_MEAN


@dataclass(frozen=True)
class Normalisation:
    """How 8-bit input becomes the network's input: ``(value - mean) / std``, channels in ``order``.

    ``flow_std`` divides quantised flow after 128 is subtracted, so that it has the range of colours.
    """

    order: Literal["rgb", "bgr"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    flow_std: float


CAFFE = Normalisation("bgr", (104.0, 117.0, 123.0), (1.0, 1.0, 1.0), 1.0)
"""TSN's input (docs/facts.md, section 7): BGR in 0 to 255."""

IMAGENET = Normalisation("rgb", IMAGENET_MEAN, IMAGENET_DEVIATION, 57.63)
"""torchvision's input; flow is divided by the mean of the three deviations."""


class Unit(nn.Module):
    """A residual unit ``activation(shortcut(x) + residual(x))`` that supports motion injection.

    ``pointwise`` names its 1x1 convolutions, which ST-ResNet can make temporal.
    """

    pointwise: tuple[str, ...] = ()

    def residual(self, x: torch.Tensor) -> torch.Tensor:
        """The learned branch."""
        raise NotImplementedError

    def shortcut(self, x: torch.Tensor) -> torch.Tensor | None:
        """The skip branch; None if the unit has none."""
        raise NotImplementedError

    def activation(self, x: torch.Tensor) -> torch.Tensor:
        """The non-linearity after the sum; the identity if the unit has none."""
        raise NotImplementedError

    def join(self, x: torch.Tensor, branch: torch.Tensor | None = None) -> torch.Tensor:
        """Before the activation: shortcut of ``x`` plus residual of ``branch`` (``x`` by default)."""
        residual = self.residual(x if branch is None else branch)
        shortcut = self.shortcut(x)
        return residual if shortcut is None else shortcut + residual

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) -> (B, C', H', W')."""
        return self.activation(self.join(x))


class Backbone(nn.Module):
    """Base of the recognisers' networks: ``forward`` maps (B, C, H, W) to (B, classes) scores.

    A constructor takes ``classes``, ``in_channels`` (3 for frames, 2 x stack for flow), ``dropout``, and
    further arguments with defaults: the configuration's ``args``. A backbone implements ``features``. Those
    that ST-ResNet can join also have ``stem`` (B, C, H, W) -> (B, F, h, w), ``stages``: lists of ``Unit``,
    one list for each of conv2 to conv5, and ``neck``, between the last unit and the head.

    Attributes:
        normalisation: normalisation of its input.
        first_conv: name of the first convolution, whose weights are adapted to another number of channels.
        classifier: name of the last layer, which is new for other classes.
        dropout: the module before the classifier, which a training replaces.
        clips: whether it sees clips (``ClipBackbone``) instead of images.
    """

    HOME: ClassVar[str] = "pipeline.recognition.networks"
    clips: ClassVar[bool] = False

    normalisation: Normalisation
    first_conv: str
    classifier: str
    dropout: nn.Module

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) -> (B, F, h, w), the input of the head."""
        raise NotImplementedError

    def head(self, features: torch.Tensor) -> torch.Tensor:
        """(B, F, h, w) -> (B, classes): 7x7 average pooling, dropout, classifier, mean over positions.

        A training crop has one position; a whole frame (ST-ResNet's test) has several. A linear layer
        commutes with the mean over positions, so the mean comes first.
        """
        window = (min(7, features.shape[-2]), min(7, features.shape[-1]))
        pooled = F.avg_pool2d(features, window, stride=1).mean((-2, -1))
        return self.get_submodule(self.classifier)(self.dropout(pooled))

    def check_published(self, path: Path) -> None:
        """Check what lies beside published weights; by default nothing does. Raises WeightsError."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) normalised input -> (B, classes) scores before softmax."""
        return self.head(self.features(x))


class ClipBackbone(Backbone):
    """Base of the networks that see clips of RGB frames: ``forward`` maps (B, 3, T, H, W) to (B, classes).

    A constructor takes ``classes``, ``frames`` (T), ``side`` (H and W), ``dropout``, and further arguments
    with defaults: the configuration's ``args``. It implements ``features``, or ``forward`` itself.
    """

    clips: ClassVar[bool] = True

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, T, H, W) -> (B, F, t, h, w), the input of the head."""
        raise NotImplementedError

    def head(self, features: torch.Tensor) -> torch.Tensor:
        """(B, F, t, h, w) -> (B, classes): mean over time and positions, dropout, classifier."""
        return self.get_submodule(self.classifier)(self.dropout(features.mean((-3, -2, -1))))


class JointNetwork(nn.Module):
    """Base of the networks that join two backbones, for frames and for flow, and may modify them.

    A constructor takes both, and the protocol's arguments (``joint_args``). ``forward`` maps (B, T, 3, H, W)
    and (B, T, 2 x stack, H, W), both normalised, to values from which the protocol computes scores.

    Attributes:
        backbones: the one for frames and the one for flow.
    """

    HOME: ClassVar[str] = "pipeline.recognition.joint_networks"

    @property
    def backbones(self) -> tuple[Backbone, Backbone]:
        """Both backbones, in the order of the input."""
        raise NotImplementedError


def cross_modality(
    state_dict: dict[str, torch.Tensor], key: str, in_channels: int
) -> dict[str, torch.Tensor]:
    """A copy of ``state_dict`` whose first convolution ``key`` takes ``in_channels`` channels.

    Its kernels (O, 3, kh, kw) become their mean over colour, repeated (TSN, section 3.2, "cross modality
    initialisation"). Raises KeyError if ``key`` is missing.
    """
    kernel = state_dict[key]
    repeated = kernel.mean(dim=1, keepdim=True).repeat(1, in_channels, 1, 1)
    return {**state_dict, key: repeated}


def initialise(network: nn.Module) -> None:
    """He initialisation of convolutions; the classifier starts small as in TSN (standard deviation 1e-3)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=1e-3)
            nn.init.zeros_(module.bias)
