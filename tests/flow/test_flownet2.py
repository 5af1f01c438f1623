"""FlowNet2: published size, its layers against loops, and what is refused.

Whole networks with the published names are held against outputs in tests/golden; the release's CUDA
operations did not run for those, so loops stand for them here.
"""

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.config.compute import Device
from pipeline.config.flow import FlowNetwork
from pipeline.flow.flownet2 import (
    NETWORKS,
    FlowNet2,
    flownet2_flow,
    load_engine,
    load_flownet2,
)
from pipeline.flow.flownet_parts import channel_norm, correlate
from pipeline.flow.request import ExtractTrainingFlow
from pipeline.flow.warp import warp
from pipeline.weights import WeightsError

pytestmark = pytest.mark.numeric


def drawn(name: str) -> torch.nn.Module:
    """A network with random weights, biases and flows large enough to matter."""
    torch.manual_seed(0)
    network = NETWORKS[name]().eval()
    with torch.no_grad():
        for key, value in network.named_parameters():
            if "predict_flow" in key and key.endswith("weight"):
                value.mul_(3)
    return network


@pytest.fixture(scope="module")
def model() -> FlowNet2:
    return drawn("flownet2")


@pytest.fixture(scope="module")
def pair() -> Tensor:
    rng = np.random.default_rng(0)
    frames = np.kron(rng.integers(0, 256, (3, 2, 16, 32)), np.ones((4, 4)))
    return torch.from_numpy(frames).float()[None]  # (1, 3, 2, 64, 128)


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("flownet2", 162_518_834),  # published
        ("flownet2_c", 39_175_298),  # published
        ("flownet2_s", 38_676_506),  # FlowNet's 38 M
        ("flownet2_sd", 45_371_666),  # published
        ("flownet2_cs", 39_175_298 + 38_676_506 + 6 * 64 * 49),
        ("flownet2_css", 162_518_834 - 45_371_666 - 581_226),
    ],
)
def test_parameter_counts(name, published):
    with torch.device("meta"):
        network = NETWORKS[name]()
    assert sum(value.numel() for value in network.parameters()) == published


def test_correlation_against_a_loop():
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 2, 5, 6, 7, generator=generator, dtype=torch.float64)
    found = correlate(first, second, max_displacement=4, stride=2)
    assert found.shape == (2, 25, 6, 7)
    for b, y, x in np.ndindex(2, 6, 7):
        for i, dy in enumerate((-4, -2, 0, 2, 4)):
            for j, dx in enumerate((-4, -2, 0, 2, 4)):
                inside = 0 <= y + dy < 6 and 0 <= x + dx < 7
                value = sum(
                    first[b, c, y, x] * second[b, c, y + dy, x + dx] if inside else 0.0 for c in range(5)
                )
                assert float(found[b, 5 * i + j, y, x]) == pytest.approx(float(value) / 5)
    assert correlate(first, second).shape[1] == 441


def test_channel_norm_by_hand():
    features = torch.tensor([[3.0, 0.0], [4.0, -2.0]])[None, :, None, :]  # (1, 2, 1, 2)
    torch.testing.assert_close(channel_norm(features), torch.tensor([[[[5.0, 2.0]]]]))


def reference_resample(image: Tensor, flow: Tensor) -> Tensor:
    """Resample2d, pixel by pixel: indices are clamped, shares are those of the unclamped place."""
    result = torch.zeros_like(image)
    height, width = image.shape[2:]
    for y, x in np.ndindex(height, width):
        xf, yf = x + float(flow[0, 0, y, x]), y + float(flow[0, 1, y, x])
        a, b = xf - np.floor(xf), yf - np.floor(yf)
        left, right = (int(min(max(np.floor(xf) + i, 0), width - 1)) for i in (0, 1))
        top, low = (int(min(max(np.floor(yf) + i, 0), height - 1)) for i in (0, 1))
        result[0, :, y, x] = (
            (1 - a) * (1 - b) * image[0, :, top, left] + a * (1 - b) * image[0, :, top, right]
            + (1 - a) * b * image[0, :, low, left] + a * b * image[0, :, low, right]
        )  # fmt: skip
    return result


def test_flow_beyond_the_border_reads_the_border():
    # Every rule of Resample2d at once: far outside, on the edge, between the last two pixels, no motion.
    image = torch.arange(12.0).reshape(1, 1, 3, 4)
    flow = torch.zeros(1, 2, 3, 4)
    flow[0, 0, 0] = torch.tensor([-9.0, -1.5, 0.25, 7.0])
    flow[0, 1, :, 1] = torch.tensor([-0.5, 0.5, 5.0])
    torch.testing.assert_close(warp(image, flow), reference_resample(image, flow))


def test_misfits_are_listed(tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"flownetc.conv1.0.bias": torch.zeros(3), "head.weight": torch.zeros(1)}, path)
    with pytest.raises(WeightsError) as caught:
        load_flownet2(path)
    message = str(caught.value)
    assert "1 unexpected: head.weight" in message
    assert "flownetc.conv1.0.bias is (3,), expected (64,)" in message
    assert "219 missing: flownetc." in message


def test_no_state_dict_is_said(tmp_path):
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match=r"list\.pth holds a list; expected named tensors"):
        load_flownet2(tmp_path / "list.pth")
    with pytest.raises(FileNotFoundError, match=r"flow\.flownet2\.weights"):
        load_flownet2(tmp_path / "absent.pth")


def test_any_size_gives_flow_of_that_size(model):
    frames = np.random.default_rng(0).integers(0, 256, (2, 50, 70, 3), dtype=np.uint8)
    flow = flownet2_flow(model, *frames)
    assert flow.shape == (2, 50, 70)
    assert flow.dtype == np.float32
    assert np.isfinite(flow).all()


def test_multiples_of_64_are_not_resized(model, pair):
    frames = pair[0].permute(1, 2, 3, 0).byte().numpy()  # (2, 64, 128, 3)
    with torch.inference_mode():
        expected = model(pair)[0].numpy()
    np.testing.assert_array_equal(flownet2_flow(model, *frames), expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["flownet2_c", "flownet2_s", "flownet2_sd", "flownet2_cs"])
def test_parts_are_engines_of_their_own(name, pair, tmp_path):
    network = drawn(name)
    path = tmp_path / f"{name}.pth.tar"
    torch.save({"state_dict": network.state_dict()}, path)
    frames = pair[0].permute(1, 2, 3, 0).byte().numpy()  # (2, 64, 128, 3)
    with torch.inference_mode():
        expected = network(pair)[0].numpy()
    request = ExtractTrainingFlow(
        shard=0, engine="flownet2", tvl1=None, flownet2=FlowNetwork(network=name), gap=1, seed=0,
        compute=Device(threads=torch.get_num_threads()), frames_per_video=1, margin=1,
    )  # fmt: skip
    with load_engine(request, path) as engine:
        np.testing.assert_array_equal(engine.flow(*map(engine.prepare, frames)), expected)
    with pytest.raises(WeightsError, match=r"does not fit FlowNet2: .*missing"):
        load_flownet2(path)


def test_refuses_unsuitable_frames(model):
    with pytest.raises(ValueError, match="multiples of 64"):
        model(torch.zeros(1, 3, 2, 60, 64))
    with pytest.raises(ValueError, match=r"\(4, 5, 3\), \(4, 6, 3\)"):
        flownet2_flow(model, np.zeros((4, 5, 3), np.uint8), np.zeros((4, 6, 3), np.uint8))
    with pytest.raises(ValueError, match="float64"):
        flownet2_flow(model, np.zeros((4, 5, 3)), np.zeros((4, 5, 3)))
