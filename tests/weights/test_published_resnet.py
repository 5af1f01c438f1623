"""ResNet-50 in torchvision's layout, and MatConvNet's, alone and as ST-ResNet's two streams."""

import h5py
import numpy as np
import pytest
import scipy.io
import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.recognition.networks import load_backbone, load_joint
from pipeline.weights import WeightsError
from pipeline.weights.published import load_published

pytestmark = pytest.mark.numeric

WIDTH, DEPTHS, CLASSES = 4, (2, 3, 2, 2), 5
SMALL = {"width": WIDTH, "depths": list(DEPTHS)}
CAFFE = SMALL | {"caffe": True}


def parameters(channels: int, temporal: bool, seed: int) -> dict[str, np.ndarray]:
    """dagnn's parameters: filters (h, w, in, out), BN's mult (C, 1), bias (C, 1), moments (C, 2)."""
    rng = np.random.default_rng(seed)
    found = {}

    def conv(name: str, bn: str, side: int, inputs: int, outputs: int, time: int = 1) -> None:
        shape = (side, max(side, time), inputs, outputs)
        found[f"{name}_filter"] = rng.standard_normal(shape) * (2 / np.prod(shape[:3])) ** 0.5
        found[f"{bn}_mult"] = 1 + 0.1 * rng.standard_normal((outputs, 1))
        found[f"{bn}_bias"] = 0.1 * rng.standard_normal((outputs, 1))
        moments = (0.1 * rng.standard_normal((outputs, 1)), 0.5 + rng.random((outputs, 1)))
        found[f"{bn}_moments"] = np.concatenate(moments, 1)

    conv("conv1", "bn_conv1", 7, channels, WIDTH)
    found["conv1_bias"] = 0.5 * rng.standard_normal((1, WIDTH))
    n = WIDTH
    for stage, depth in enumerate(DEPTHS):
        width = WIDTH * 2**stage
        for unit in range(depth):
            name = f"{stage + 2}{'abc'[unit]}_branch"
            time = 3 if temporal and unit == 1 else 1
            if unit == 0:
                conv(f"res{name}1", f"bn{name}1", 1, n, 4 * width)
            conv(f"res{name}2a", f"bn{name}2a", 1, n, width, time)
            conv(f"res{name}2b", f"bn{name}2b", 3, width, width)
            conv(f"res{name}2c", f"bn{name}2c", 1, width, 4 * width, time)
            n = 4 * width
    found["fc1000_filter"] = rng.standard_normal((1, 1, n, CLASSES))
    found["fc1000_bias"] = rng.standard_normal((1, CLASSES))
    return {name: value.astype(np.float32) for name, value in found.items()}


class Stream:
    """A residual network by dagnn's names, on frames (T, C, h, w)."""

    def __init__(self, values: dict[str, np.ndarray]) -> None:
        self.values = values

    def bn(self, name: str, x: Tensor) -> Tensor:
        mult, bias, moments = (
            torch.from_numpy(self.values[f"{name}_{p}"]) for p in ("mult", "bias", "moments")
        )
        mean, deviation = moments[:, 0], moments[:, 1]
        shape = (1, -1, 1, 1)
        return (x - mean.view(shape)) / deviation.view(shape) * mult.view(shape) + bias.view(shape)

    def conv(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        filters = self.values[f"{name}_filter"]
        bias = self.values.get(f"{name}_bias")
        if filters.shape[:2] == (1, 3):  # over time: frame t sees t - 1, t, t + 1
            before, here, after = torch.from_numpy(filters[0].transpose(0, 2, 1))[..., None, None]
            zero = torch.zeros_like(x[:1])
            y = F.conv2d(x, here) + F.conv2d(torch.cat((zero, x[:-1])), before)
            return y + F.conv2d(torch.cat((x[1:], zero)), after)
        weight = torch.from_numpy(filters.transpose(3, 2, 0, 1).copy())
        bias = None if bias is None else torch.from_numpy(bias.ravel())
        return F.conv2d(x, weight, bias, stride, weight.shape[-1] // 2)

    def stem(self, x: Tensor) -> Tensor:
        return F.max_pool2d(self.bn("bn_conv1", self.conv("conv1", x, 2)).relu(), 3, 2, ceil_mode=True)

    def branch(self, name: str, x: Tensor) -> Tensor:
        stride = 2 if name.endswith("a") and name != "2a" else 1
        name = f"{name}_branch2"
        x = self.bn(f"bn{name}a", self.conv(f"res{name}a", x, stride)).relu()  # Caffe strides here
        x = self.bn(f"bn{name}b", self.conv(f"res{name}b", x)).relu()
        return self.bn(f"bn{name}c", self.conv(f"res{name}c", x))

    def shortcut(self, name: str, x: Tensor) -> Tensor:
        if not name.endswith("a"):
            return x
        return self.bn(f"bn{name}_branch1", self.conv(f"res{name}_branch1", x, 1 if name == "2a" else 2))

    def scores(self, x: Tensor) -> Tensor:
        weight = torch.from_numpy(self.values["fc1000_filter"][0, 0].T)
        return F.linear(x.mean((2, 3)), weight, torch.from_numpy(self.values["fc1000_bias"].ravel()))

    def __call__(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for name in units():
            x = (self.shortcut(name, x) + self.branch(name, x)).relu()
        return self.scores(x)


def units() -> list[str]:
    return [f"{stage + 2}{'abc'[unit]}" for stage, depth in enumerate(DEPTHS) for unit in range(depth)]


def joint(spatial: Stream, temporal: Stream, frames: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    """ST-ResNet: after the first unit of a stage, motion is added to what the next unit's branch reads."""
    a, m = spatial.stem(frames), temporal.stem(flow)
    injected = None
    for name in units():
        summed = spatial.shortcut(name, a) + spatial.branch(name, a if injected is None else injected)
        m = (temporal.shortcut(name, m) + temporal.branch(name, m)).relu()
        injected = summed + m if name.endswith("a") else None
        a = summed.relu()
    return spatial.scores(a).mean(0), temporal.scores(m).mean(0)


def write_mat(values: dict[str, np.ndarray], path, wrapped: bool = False) -> None:
    """As saveobj gives it: a struct array of parameters, with more fields than are of use."""
    params = np.zeros((1, len(values)), [("name", object), ("value", object), ("learningRate", object)])
    for place, (name, value) in enumerate(values.items()):
        params[0, place] = (name, value, 1.0)
    content = {"layers": np.zeros((1, 1), [("name", object)]), "params": params, "meta": {"x": 1.0}}
    scipy.io.savemat(path, {"net": content} if wrapped else content)


def write_mat73(values: dict[str, np.ndarray], path) -> None:
    """Version 7.3: HDF5 behind 512 bytes of MATLAB's, references to values with reversed axes."""
    with h5py.File(path, "w", userblock_size=512) as file:
        names, places = [], []
        for place, (name, value) in enumerate(values.items()):
            text = np.array([ord(letter) for letter in name], np.uint16)[:, None]
            names.append([file.create_dataset(f"#refs#/n{place}", data=text).ref])
            places.append([file.create_dataset(f"#refs#/v{place}", data=value.T).ref])
        file.create_dataset("net/params/name", data=np.array(names, h5py.ref_dtype), dtype=h5py.ref_dtype)
        file.create_dataset("net/params/value", data=np.array(places, h5py.ref_dtype), dtype=h5py.ref_dtype)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")


def assert_close(found: Tensor, expected: Tensor) -> None:
    assert float((found - expected).norm() / expected.norm()) < 1e-5


def images(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


def build_joint(args: dict) -> torch.nn.Module:
    streams = [load_backbone("resnet50", CLASSES, channels, 0.0, args) for channels in (3, 20)]
    return load_joint("st_resnet", *streams, temporal_pool=False).eval()


@pytest.mark.parametrize("writer", [write_mat, lambda v, p: write_mat(v, p, wrapped=True), write_mat73])
@pytest.mark.parametrize("channels", [3, 20])
def test_matconvnet_stream(writer, channels, tmp_path):
    values = parameters(channels, temporal=False, seed=0)
    path = tmp_path / "ucf101-img-resnet50-split1-dr0.mat"
    writer(values, path)
    network = load_backbone("resnet50", CLASSES, channels, 0.0, CAFFE).eval()
    assert load_published(network, path) == "MatConvNet"
    x = images(2, channels, 64, 64)
    with torch.no_grad():
        assert_close(network(x), Stream(values)(x))


@pytest.fixture(scope="module")
def streams(tmp_path_factory):
    """Both streams' parameters, and their file."""
    spatial, temporal = parameters(3, temporal=True, seed=1), parameters(20, temporal=True, seed=2)
    path = tmp_path_factory.mktemp("joint") / "ucf101-ST-ResNet50-final-split=1.mat"
    named = {f"{name}_spatial": value for name, value in spatial.items()}
    write_mat(named | {f"{name}_temporal": value for name, value in temporal.items()}, path)
    return spatial, temporal, path


def test_st_resnet(streams):
    spatial, temporal, path = streams
    network = build_joint(CAFFE)
    load_published(network, path)
    frames, flow = images(4, 3, 64, 64), images(4, 20, 64, 64)
    with torch.no_grad():
        found = network(frames[None], flow[None])
        for scores, expected in zip(
            found, joint(Stream(spatial), Stream(temporal), frames, flow), strict=True
        ):
            assert_close(scores[0], expected)


def test_matconvnet_needs_caffes_network(streams, tmp_path):
    write_mat(parameters(3, temporal=False, seed=0), tmp_path / "stream.mat")
    with pytest.raises(WeightsError, match=r"strides in the first convolution .* args: \{caffe: true\}"):
        load_published(load_backbone("resnet50", CLASSES, 3, 0.0, SMALL), tmp_path / "stream.mat")
    with pytest.raises(WeightsError, match=r"args: \{caffe: true\}"):
        load_published(build_joint(SMALL), streams[2])


def test_one_stream_and_two_are_not_confused(streams, tmp_path):
    write_mat(parameters(3, temporal=False, seed=0), tmp_path / "stream.mat")
    with pytest.raises(WeightsError, match=r"missing: appearance\..*unexpected: conv1_filter"):
        load_published(build_joint(CAFFE), tmp_path / "stream.mat")
    with pytest.raises(WeightsError, match=r"unexpected: conv1_filter_spatial"):
        load_published(load_backbone("resnet50", CLASSES, 3, 0.0, CAFFE), streams[2])


def test_other_mat_files_are_refused(tmp_path):
    scipy.io.savemat(tmp_path / "other.mat", {"net": {"layers": 1.0}})
    with pytest.raises(WeightsError, match=r"other\.mat holds layers; expected params"):
        load_published(load_backbone("resnet50", CLASSES, 3, 0.0, CAFFE), tmp_path / "other.mat")


@pytest.mark.parametrize("prefix", ["", "module."])
def test_torchvision(prefix, tmp_path):
    generator = torch.Generator().manual_seed(0)
    state = {}

    def layer(conv: str, bn: str, side: int, inputs: int, outputs: int) -> None:
        shape = (outputs, inputs, side, side)
        state[f"{conv}.weight"] = torch.randn(shape, generator=generator) * (2 / (inputs * side**2)) ** 0.5
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"{bn}.{part}"] = 0.5 + torch.rand(outputs, generator=generator)
        state[f"{bn}.num_batches_tracked"] = torch.tensor(3)

    layer("conv1", "bn1", 7, 3, WIDTH)
    n = WIDTH
    for stage, depth in enumerate(DEPTHS):
        width = WIDTH * 2**stage
        for unit in range(depth):
            name = f"layer{stage + 1}.{unit}"
            for index, (side, m) in enumerate(((1, width), (3, width), (1, 4 * width))):
                layer(f"{name}.conv{index + 1}", f"{name}.bn{index + 1}", side, width if index else n, m)
            if unit == 0:
                layer(f"{name}.downsample.0", f"{name}.downsample.1", 1, n, 4 * width)
            n = 4 * width
    state["fc.weight"], state["fc.bias"] = torch.randn(CLASSES, n), torch.randn(CLASSES)
    torch.save({f"{prefix}{key}": value for key, value in state.items()}, tmp_path / "resnet50.pth")

    def conv(name: str, bn: str, x: Tensor, stride: int = 1) -> Tensor:
        weight = state[f"{name}.weight"]
        x = F.conv2d(x, weight, None, stride, weight.shape[-1] // 2)
        parts = (state[f"{bn}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, *parts)

    image = images(2, 3, 64, 64)
    x = F.max_pool2d(conv("conv1", "bn1", image, 2).relu(), 3, 2, 1)
    for stage, depth in enumerate(DEPTHS):
        for unit in range(depth):
            name, stride = f"layer{stage + 1}.{unit}", 2 if stage and not unit else 1
            y = conv(f"{name}.conv1", f"{name}.bn1", x).relu()
            y = conv(f"{name}.conv2", f"{name}.bn2", y, stride).relu()
            y = conv(f"{name}.conv3", f"{name}.bn3", y)
            if unit == 0:
                x = conv(f"{name}.downsample.0", f"{name}.downsample.1", x, stride)
            x = (x + y).relu()
    expected = F.linear(x.mean((2, 3)), state["fc.weight"], state["fc.bias"])
    network = load_backbone("resnet50", CLASSES, 3, 0.0, SMALL).eval()
    load_published(network, tmp_path / "resnet50.pth")
    with torch.no_grad():
        assert_close(network(image), expected)
