"""ImageNet weights to start from."""

import pytest
import torch
from torch import nn

from pipeline.recognition.networks import load_backbone
from pipeline.recognition.weights import load_initial

SMALL = {"width": 0.125, "blocks": ["3a", "3c"]}


def filled(channels: int = 3, classes: int = 4) -> nn.Module:
    torch.manual_seed(1)
    network = load_backbone("bn_inception", classes, channels, 0.0, SMALL)
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand_like(tensor) * 0.2 + 0.1)
    return network.eval()


@pytest.mark.parametrize("channels", [3, 10])
def test_initial_weights_leave_the_classifier_and_cross_the_modality(tmp_path, channels):
    source = filled(classes=7)
    torch.save(source.state_dict(), tmp_path / "imagenet.pth")
    network = load_backbone("bn_inception", 4, channels, 0.0, SMALL)
    load_initial(network, str(tmp_path / "imagenet.pth"))
    assert network.last_linear.weight.abs().max() < 0.05
    assert torch.equal(network.conv2_3x3_bn.running_var, source.conv2_3x3_bn.running_var)
    kernel = source.conv1_7x7_s2.weight
    expected = kernel if channels == 3 else kernel.mean(1, keepdim=True).expand(-1, 10, -1, -1)
    torch.testing.assert_close(network.conv1_7x7_s2.weight, expected)


def test_initial_weights_of_flow_are_taken_as_they_are(tmp_path):
    source = filled(channels=10, classes=7)
    torch.save(source.state_dict(), tmp_path / "flow_init.pth")
    network = load_backbone("bn_inception", 4, 10, 0.0, SMALL)
    load_initial(network, str(tmp_path / "flow_init.pth"))
    assert torch.equal(network.conv1_7x7_s2.weight, source.conv1_7x7_s2.weight)
