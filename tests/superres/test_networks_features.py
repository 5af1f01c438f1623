"""Feature networks: VGG19 in torchvision's layout, and the demo's random filters."""

import pytest
import torch
from torch.nn import functional as F

from pipeline.config import FeatureNetwork
from pipeline.superres.features import VGG19, RandomFeatures, load_features
from pipeline.weights import WeightsError

pytestmark = pytest.mark.numeric

CONVOLUTIONS = {
    0: 64, 2: 64, 5: 128, 7: 128, 10: 256, 12: 256, 14: 256, 16: 256,
    19: 512, 21: 512, 23: 512, 25: 512, 28: 512, 30: 512, 32: 512, 34: 512,
}  # fmt: skip
"""Places of VGG19's convolutions in torchvision's sequence, and their filters."""


def image(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Random weights in torchvision's layout, linear layers included (small stand-ins)."""
    generator = torch.Generator().manual_seed(0)
    state, inputs = {"classifier.0.weight": torch.zeros(4, 4), "classifier.0.bias": torch.zeros(4)}, 3
    for place, filters in CONVOLUTIONS.items():
        scale = (2 / (9 * inputs)) ** 0.5
        state[f"features.{place}.weight"] = scale * torch.randn(filters, inputs, 3, 3, generator=generator)
        state[f"features.{place}.bias"] = 0.1 * torch.randn(filters, generator=generator)
        inputs = filters
    path = tmp_path_factory.mktemp("vgg") / "vgg19.pth"
    torch.save(state, path)
    return path, state


def test_vgg19_up_to_conv5_4_before_activation(checkpoint):
    path, state = checkpoint
    network = load_features(FeatureNetwork(weights=path))
    rgb = image(1, 3, 48, 40)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = (rgb - mean[:, None, None]) / deviation[:, None, None]
    for place in range(35):
        if place in CONVOLUTIONS:
            x = F.conv2d(x, state[f"features.{place}.weight"], state[f"features.{place}.bias"], padding=1)
        elif place - 1 in CONVOLUTIONS:
            x = x.relu()
        else:
            x = F.max_pool2d(x, 2)
    features = network(rgb)
    assert features.shape == (1, 512, 3, 2)
    assert (features < 0).any()
    torch.testing.assert_close(features, x, rtol=1e-5, atol=1e-5)


def test_vgg19_keys_are_torchvisions():
    with torch.device("meta"):
        keys = VGG19().state_dict()
    assert set(keys) == {f"features.{place}.{kind}" for place in CONVOLUTIONS for kind in ("weight", "bias")}


def test_vgg19_without_weights_says_where_to_get_them():
    with pytest.raises(
        WeightsError, match=r"superres\.feature_network\.weights.*download\.pytorch\.org.*random_features"
    ):
        load_features(FeatureNetwork())


def test_random_features_are_fixed_frozen_and_differentiable():
    torch.manual_seed(1)
    first = load_features(FeatureNetwork(network="random_features"))
    torch.manual_seed(2)
    second = load_features(FeatureNetwork(network="random_features")).train()
    assert not second.training
    assert not any(parameter.requires_grad for parameter in second.parameters())
    rgb = image(2, 3, 16, 24).requires_grad_()
    features = first(rgb)
    assert features.shape == (2, 96, 4, 6)
    assert torch.equal(features, second(rgb))
    features.sum().backward()
    assert rgb.grad.abs().sum() > 0


def test_random_features_tell_texture_from_blur_and_keep_their_scale():
    network = RandomFeatures().freeze()
    rgb = image(1, 3, 32, 32)
    blurred = F.avg_pool2d(rgb, 3, 1, 1)
    with torch.no_grad():
        features = network(rgb)
        assert 0.2 < float(features.std()) < 5
        # The same mean difference as a faint shift of colour, but a larger one in features.
        shift = rgb + (blurred - rgb).abs().mean()
        assert (network(blurred) - features).abs().mean() > (network(shift) - features).abs().mean()


def test_random_filters_are_orthogonal():
    for layer in RandomFeatures().features:
        if isinstance(layer, torch.nn.Conv2d):
            rows = layer.weight.flatten(1)
            torch.testing.assert_close(rows @ rows.T, 2 * torch.eye(len(rows)), atol=1e-4, rtol=0)
