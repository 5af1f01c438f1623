"""Networks for the feature loss: VGG19, and the demo's fixed random filters."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipeline import config
from pipeline.files import seed_for
from pipeline.video.colour import IMAGENET_DEVIATION, IMAGENET_MEAN
from pipeline.weights import WeightsError
from pipeline.weights.checkpoint import load_weights

VGG19_FILTERS: tuple[int | str, ...] = (
    64,
    64,
    "pool",
    128,
    128,
    "pool",
    *[256] * 4,
    "pool",
    *[512] * 4,
    "pool",
    *[512] * 4,
)
"""VGG19's convolutions up to conv5_4 and the poolings between them."""


class FeatureNetwork(nn.Module):
    """A frozen network from RGB in [0, 1] to features; always in evaluation mode.

    Sub-classes set ``features``, a sequence of layers.
    """

    features: nn.Sequential
    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", _unit(IMAGENET_MEAN), persistent=False)
        self.register_buffer("deviation", _unit(IMAGENET_DEVIATION), persistent=False)

    def forward(self, rgb: Tensor) -> Tensor:
        """Features (B, C, H', W') of RGB (B, 3, H, W) in [0, 1]; differentiable in the image."""
        return self.features((rgb - self.mean) / self.deviation)

    def train(self, mode: bool = True) -> FeatureNetwork:
        """Stay in evaluation mode."""
        return super().train(False)

    def freeze(self) -> FeatureNetwork:
        """Exclude the parameters from training."""
        self.requires_grad_(False)
        return self.train(False)


def _unit(colour: tuple[float, float, float]) -> Tensor:
    """RGB (3, 1, 1), where 255 is 1."""
    return (torch.tensor(colour, dtype=torch.float64) / 255).float()[:, None, None]


class VGG19(FeatureNetwork):
    """VGG19 (Simonyan and Zisserman, ICLR 2015) up to conv5_4, before its activation, as ESRGAN uses it.

    16 convolutions 3x3 with biases, zero padding and ReLU, 2x2 max-pooling that drops an odd last row, no
    normalisation; input (RGB - mean) / deviation of ImageNet. Keys are torchvision's: ``features.0.weight``
    to ``features.34.bias``; its classifier is left out. 20,024,384 parameters.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for filters in VGG19_FILTERS:
            if isinstance(filters, str):
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(inputs, filters, 3, padding=1), nn.ReLU(inplace=True)]
                inputs = filters
        self.features = nn.Sequential(*layers[:-1])  # without the last ReLU


class RandomFeatures(FeatureNetwork):
    """Fixed random filters, the demo's substitute for VGG19, whose weights it lacks.

    Four 3x3 convolutions, two of stride 2, with orthogonal filters from a fixed seed: distances between
    images are roughly preserved, spread over orientations and scales. The filters know nothing about objects.

    Args:
        filters: filters of the first convolution.
    """

    def __init__(self, filters: int = 24) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed_for(0, "random_features"))
        layers: list[nn.Module] = []
        inputs = 3
        for outputs, stride in ((filters, 1), (2 * filters, 2), (2 * filters, 1), (4 * filters, 2)):
            conv = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
            nn.init.orthogonal_(conv.weight, gain=2**0.5, generator=generator)
            layers += [conv, nn.LeakyReLU(0.2)]
            inputs = outputs
        self.features = nn.Sequential(*layers[:-1])  # before the last activation, as VGG19


def load_features(spec: config.FeatureNetwork) -> FeatureNetwork:
    """The frozen network of the feature loss.

    Args:
        spec: section ``superres.feature_network`` of the config.

    Raises:
        WeightsError: VGG19 without weights, or weights that do not fit it.

    Source: docs/facts.md, section 3 (conv5_4 before activation).
    """
    if spec.network == "random_features":
        return RandomFeatures().freeze()
    if spec.weights is None:
        raise WeightsError(
            "superres.feature_network.weights is not set, but network vgg19 needs them: give the path of "
            "torchvision's VGG19 file (vgg19-dcbb9e9d.pth, from "
            "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth), or set "
            "superres.feature_network.network to random_features (the demo's substitute)"
        )
    network = VGG19()
    # Left out: the linear layers.
    load_weights(network, spec.weights, "vgg19", ignore=("classifier.",))
    return network.freeze()
