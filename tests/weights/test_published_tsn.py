"""TSN's BN-Inception as a .caffemodel, and in torch's conversions: names and kinds of files.

The network with such weights is held against outputs in tests/golden.
"""

import numpy as np
import pytest
import torch

from pipeline.recognition.networks import load_backbone
from pipeline.weights import WeightsError
from pipeline.weights.published import load_published
from tests.weights.writing import field, write_caffemodel

pytestmark = pytest.mark.numeric

SMALL = {"width": 0.125, "blocks": ["3a", "3c"]}
CLASSES = 4
# Names, inputs, outputs, side: BN-Inception's stem, block 3a and the stem of 3c at an eighth of the width.
LAYERS = [
    ("conv1/7x7_s2", None, 8, 7),
    ("conv2/3x3_reduce", 8, 8, 1),
    ("conv2/3x3", 8, 24, 3),
    ("inception_3a/1x1", 24, 8, 1),
    ("inception_3a/3x3_reduce", 24, 8, 1),
    ("inception_3a/3x3", 8, 8, 3),
    ("inception_3a/double_3x3_reduce", 24, 8, 1),
    ("inception_3a/double_3x3_1", 8, 16, 3),
    ("inception_3a/double_3x3_2", 16, 16, 3),
    ("inception_3a/pool_proj", 24, 8, 1),
    ("inception_3c/3x3_reduce", 40, 16, 1),
    ("inception_3c/3x3", 16, 16, 3),
    ("inception_3c/double_3x3_reduce", 40, 8, 1),
    ("inception_3c/double_3x3_1", 8, 16, 3),
    ("inception_3c/double_3x3_2", 16, 16, 3),
]


def blobs(channels: int) -> dict[str, list[np.ndarray]]:
    """The layers' blobs as the authors' Caffe has them: [1, C] of slope, bias, mean, variance."""
    rng = np.random.default_rng(0)
    found = {}
    for name, inputs, outputs, side in LAYERS:
        inputs = inputs or channels
        shape = (outputs, inputs, side, side)
        weight = rng.standard_normal(shape) * (2 / (inputs * side * side)) ** 0.5
        found[name] = [weight, 0.1 * rng.standard_normal(outputs)]
        norm = [1 + 0.1 * rng.standard_normal((1, outputs)), 0.1 * rng.standard_normal((1, outputs))]
        found[f"{name}_bn"] = [*norm, 0.1 * rng.standard_normal((1, outputs)), 0.5 + rng.random((1, outputs))]
    found["fc-action"] = [rng.standard_normal((CLASSES, 72)), rng.standard_normal(CLASSES)]
    return {name: [blob.astype(np.float32) for blob in values] for name, values in found.items()}


def check(network: torch.nn.Module, layers: dict[str, list[np.ndarray]]) -> None:
    """Every blob is the network's tensor of that layer."""
    state = network.state_dict()
    parts, seen = ("weight", "bias", "running_mean", "running_var"), 0
    for name, values in layers.items():
        owner = "last_linear" if name == "fc-action" else name.replace("/", "_")
        for part, value in zip(parts, values, strict=False):
            expected = value[0] if name.endswith("_bn") else value
            np.testing.assert_array_equal(state[f"{owner}.{part}"].numpy(), expected)
            seen += 1
    assert seen == sum(not key.endswith("num_batches_tracked") for key in state)


@pytest.mark.parametrize(("channels", "legacy"), [(3, False), (10, False), (3, True)])
def test_caffemodel(channels, legacy, tmp_path):
    path = tmp_path / "ucf101_split_1_tsn_rgb_reference_bn_inception.caffemodel"
    write_caffemodel(blobs(channels), path, legacy)
    network = load_backbone("bn_inception", CLASSES, channels, 0.0, SMALL)
    assert load_published(network, path) == "TSN, Caffe"
    check(network, blobs(channels))


@pytest.mark.parametrize(
    ("prefix", "classifier"),
    [
        ("module.base_model.", "module.new_fc"),
        ("base_model.", "new_fc"),
        ("base_model.", "base_model.fc-action"),
        ("", "fc_action"),
        ("", "fc"),
        ("", "last_linear"),
        ("backbone.", "cls_head.fc_cls"),
    ],
)
@pytest.mark.parametrize("flat", [True, False])
def test_torch_conversions(prefix, classifier, flat, tmp_path):
    layers = blobs(10)
    state = {}
    for name, values in layers.items():
        owner = classifier if name == "fc-action" else prefix + name.replace("/", "_")
        for part, value in zip(("weight", "bias", "running_mean", "running_var"), values, strict=False):
            tensor = torch.from_numpy(value)
            state[f"{owner}.{part}"] = tensor[0] if name.endswith("_bn") and not flat else tensor
    torch.save({"epoch": 3, "best_prec1": 90.0, "state_dict": state}, tmp_path / "tsn.pth.tar")
    network = load_backbone("bn_inception", CLASSES, 10, 0.0, SMALL)
    load_published(network, tmp_path / "tsn.pth.tar")
    check(network, layers)


def test_what_does_not_fit_is_listed(tmp_path):
    layers = blobs(3)
    layers["loss1/fc"] = layers.pop("conv2/3x3")
    write_caffemodel(layers, tmp_path / "other.caffemodel")
    network = load_backbone("bn_inception", CLASSES + 1, 3, 0.0, SMALL)
    message = (
        r"2 missing: conv2_3x3\.weight, conv2_3x3\.bias; 2 unexpected: loss1_fc\.weight, loss1_fc\.bias; "
        r"2 mis-shaped: last_linear\.weight is \(4, 72\), expected \(5, 72\)"
    )
    with pytest.raises(WeightsError, match=message):
        load_published(network, tmp_path / "other.caffemodel")


@pytest.mark.parametrize("content", [b"", b"no protobuf at all", field(1, b"net")])
def test_damaged_caffemodels_are_refused(content, tmp_path):
    (tmp_path / "net.caffemodel").write_bytes(content)
    with pytest.raises(WeightsError, match=r"net\.caffemodel"):
        load_published(load_backbone("bn_inception", CLASSES, 3, 0.0, SMALL), tmp_path / "net.caffemodel")
