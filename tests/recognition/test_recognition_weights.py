"""Published layouts, written here by their own names, and ImageNet weights to start from."""

import sys

import pytest
import torch
from torch import nn

from pipeline.recognition.networks import load_backbone
from pipeline.recognition.weights import WeightsError, load_initial, load_published, resolve

SMALL = {"width": 0.125, "blocks": ["3a", "3c"]}


def filled(channels: int = 3, classes: int = 4) -> nn.Module:
    torch.manual_seed(1)
    network = load_backbone("bn_inception", classes, channels, 0.0, SMALL)
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand_like(tensor) * 0.2 + 0.1)
    return network.eval()


@pytest.mark.parametrize("classifier", ["module.new_fc", "base_model.fc-action", "fc_action", "fc"])
def test_published_tsn_layouts(tmp_path, classifier):
    network = filled(channels=10)
    prefix = "module.base_model." if "module" in classifier else ""
    state = {}
    for key, value in network.state_dict().items():
        if key.endswith("num_batches_tracked"):
            continue
        owner, last = key.rsplit(".", 1)
        if owner.endswith("_bn"):
            value = value[None]  # Caffe's [1, C]
        state[f"{classifier}.{last}" if owner == "last_linear" else f"{prefix}{key}"] = value
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "tsn.pth")
    loaded = load_backbone("bn_inception", 4, 10, 0.0, SMALL).eval()
    load_published(loaded, tmp_path / "tsn.pth")
    x = torch.randn(2, 10, 32, 32)
    with torch.inference_mode():
        assert torch.equal(loaded(x), network(x))


def test_keys_that_do_not_fit_are_named(tmp_path):
    state = dict(filled(classes=5).state_dict())
    del state["conv2_3x3.bias"]
    state["extra.weight"] = torch.zeros(1)
    torch.save(state, tmp_path / "tsn.pth")
    network = load_backbone("bn_inception", 4, 3, 0.0, SMALL)
    message = r"missing: conv2_3x3.bias; unexpected: extra.weight; mis-shaped: last_linear.weight \(5, "
    with pytest.raises(WeightsError, match=message):
        load_published(network, tmp_path / "tsn.pth")
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(WeightsError, match=r"text.pth cannot be read"):
        load_published(network, tmp_path / "text.pth")


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
