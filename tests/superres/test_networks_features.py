"""Feature networks: the demo's random filters, and VGG19 without weights (with them: tests/golden)."""

import pytest
import torch
from torch.nn import functional as F

from pipeline.config import FeatureNetwork
from pipeline.superres.features import RandomFeatures, load_features
from pipeline.weights import WeightsError

pytestmark = pytest.mark.numeric


def image(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


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
