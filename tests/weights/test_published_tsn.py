"""TSN's BN-Inception as a .caffemodel, written byte by byte, and in torch's conversions."""

import struct

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.recognition.networks import load_backbone
from pipeline.weights import WeightsError
from pipeline.weights.published import load_published

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


def run(layers: dict[str, list[np.ndarray]], x: Tensor) -> Tensor:
    """Scores (B, classes) of the net as its prototxt describes it."""

    def conv(name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight, bias = map(torch.from_numpy, layers[name])
        x = F.conv2d(x, weight, bias, stride, weight.shape[-1] // 2)
        slope, shift, mean, variance = (torch.from_numpy(blob)[0] for blob in layers[f"{name}_bn"])
        return F.batch_norm(x, mean, variance, slope, shift, eps=1e-5).relu()

    def chain(block: str, x: Tensor, *names: str, stride: int = 1) -> Tensor:
        for name in names:
            x = conv(f"inception_{block}/{name}", x, stride if name == names[-1] else 1)
        return x

    double = ("double_3x3_reduce", "double_3x3_1", "double_3x3_2")
    x = F.max_pool2d(conv("conv1/7x7_s2", x, 2), 3, 2, ceil_mode=True)
    x = F.max_pool2d(conv("conv2/3x3", conv("conv2/3x3_reduce", x)), 3, 2, ceil_mode=True)
    pooled = chain("3a", F.avg_pool2d(x, 3, 1, 1), "pool_proj")
    parts = [chain("3a", x, "1x1"), chain("3a", x, "3x3_reduce", "3x3"), chain("3a", x, *double), pooled]
    x = torch.cat(parts, 1)
    parts = [chain("3c", x, "3x3_reduce", "3x3", stride=2), chain("3c", x, *double, stride=2)]
    x = torch.cat([*parts, F.max_pool2d(x, 3, 2, ceil_mode=True)], 1)
    weight, bias = map(torch.from_numpy, layers["fc-action"])
    return F.linear(x.mean((2, 3)), weight, bias)


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def field(number: int, content: bytes) -> bytes:
    """A field of protobuf's wire format with a length before its content."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def blob_of(value: np.ndarray, legacy: bool) -> bytes:
    if legacy:  # num, channels, height, width, and every number on its own
        shape = [*[1] * (4 - value.ndim), *value.shape]
        sizes = b"".join(varint(n << 3) + varint(size) for n, size in enumerate(shape, 1))
        return sizes + b"".join(b"\x2d" + struct.pack("<f", number) for number in value.ravel())
    dims = field(1, b"".join(map(varint, value.shape)))
    return field(5, value.astype("<f4").tobytes()) + field(7, dims)


def write_caffemodel(layers: dict[str, list[np.ndarray]], path, legacy: bool = False) -> None:
    content = field(1, b"BN-Inception")
    for name, values in {"data": [], **layers}.items():
        made = [field(6 if legacy else 7, blob_of(value, legacy)) for value in values]
        if legacy:
            content += field(2, field(4, name.encode()) + b"".join(made))
        else:
            kind = {2: b"Convolution", 4: b"BN", 0: b"VideoData"}[len(values)]
            content += field(100, field(1, name.encode()) + field(2, kind) + b"".join(made))
    path.write_bytes(content)


def check(network: torch.nn.Module, layers: dict[str, list[np.ndarray]], channels: int) -> None:
    x = torch.rand(2, channels, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        found, expected = network(x), run(layers, x)
    assert float((found - expected).norm() / expected.norm()) < 1e-5


@pytest.mark.parametrize(("channels", "legacy"), [(3, False), (10, False), (3, True)])
def test_caffemodel(channels, legacy, tmp_path):
    path = tmp_path / "ucf101_split_1_tsn_rgb_reference_bn_inception.caffemodel"
    write_caffemodel(blobs(channels), path, legacy)
    network = load_backbone("bn_inception", CLASSES, channels, 0.0, SMALL).eval()
    assert load_published(network, path) == "TSN, Caffe"
    check(network, blobs(channels), channels)


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
    network = load_backbone("bn_inception", CLASSES, 10, 0.0, SMALL).eval()
    load_published(network, tmp_path / "tsn.pth.tar")
    check(network, layers, 10)


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
