"""ResNet-50 of MatConvNet, alone and as ST-ResNet's two streams: kinds of files, and what is refused.

The networks with such weights are held against outputs in tests/golden.
"""

import numpy as np
import pytest
import scipy.io
import torch

from pipeline.recognition.networks import load_backbone, load_joint
from pipeline.weights import WeightsError
from pipeline.weights.published import load_published
from tests.weights.writing import write_mat, write_mat73

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
            name = f"{stage + 2}{'abcdef'[unit]}_branch"
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


def build_joint(args: dict) -> torch.nn.Module:
    streams = [load_backbone("resnet50", CLASSES, channels, 0.0, args) for channels in (3, 20)]
    return load_joint("st_resnet", *streams, temporal_pool=False).eval()


@pytest.mark.parametrize("writer", [lambda v, p: write_mat(v, p, wrapped=True), write_mat73])
@pytest.mark.parametrize("channels", [3, 20])
def test_versions_of_mat(writer, channels, tmp_path):
    values = parameters(channels, temporal=False, seed=0)
    states = []
    for name, write in (("plain.mat", write_mat), ("ucf101-img-resnet50-split1-dr0.mat", writer)):
        write(values, tmp_path / name)
        network = load_backbone("resnet50", CLASSES, channels, 0.0, CAFFE)
        assert load_published(network, tmp_path / name) == "MatConvNet"
        states.append(network.state_dict())
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())


@pytest.fixture(scope="module")
def streams(tmp_path_factory):
    """Both streams' parameters, and their file."""
    spatial, temporal = parameters(3, temporal=True, seed=1), parameters(20, temporal=True, seed=2)
    path = tmp_path_factory.mktemp("joint") / "ucf101-ST-ResNet50-final-split=1.mat"
    named = {f"{name}_spatial": value for name, value in spatial.items()}
    write_mat(named | {f"{name}_temporal": value for name, value in temporal.items()}, path)
    return spatial, temporal, path


def test_st_resnet(streams):
    """Each stream's tensors go to it, and filters over time lie along the width."""
    *parts, path = streams
    network = build_joint(CAFFE)
    load_published(network, path)
    for backbone, values in zip((network.appearance, network.motion), parts, strict=True):
        state = {key: value.numpy() for key, value in backbone.state_dict().items()}
        first = values["conv1_filter"].transpose(3, 2, 0, 1)
        np.testing.assert_array_equal(state["conv1.weight"], first)
        over_time = values["res3b_branch2c_filter"].transpose(3, 2, 1, 0)  # (out, in, time, 1)
        assert over_time.shape[2:] == (3, 1)
        np.testing.assert_array_equal(state["layer2.1.conv3.weight"], over_time)
        mean = values["bn_conv1_moments"][:, 0] - values["conv1_bias"][0]
        np.testing.assert_allclose(state["bn1.running_mean"], mean, rtol=1e-6)
        deviation = values["bn4a_branch1_moments"][:, 1]
        epsilon = backbone.layer3[0].downsample[1].eps
        found = state["layer3.0.downsample.1.running_var"]
        np.testing.assert_allclose(found, deviation**2 - epsilon, rtol=1e-5)


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
