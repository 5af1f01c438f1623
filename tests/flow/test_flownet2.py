"""FlowNet2: published size and names, its layers against loops, the whole against a second writing."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline import config
from pipeline.flow.flownet2 import (
    NETWORKS,
    FlowNet2,
    flownet2_flow,
    load_engine,
    load_flownet2,
)
from pipeline.flow.flownet_parts import channel_norm, correlate
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


class Reference:
    """FlowNet2 written a second time, from the checkpoint's names and the published description."""

    def __init__(self, state: dict[str, Tensor], pair: Tensor) -> None:
        self.state = state
        colours = pair.reshape(1, 3, -1).mean(2)[:, :, None, None]
        self.one, self.two = (pair[:, :, 0] - colours) / 255, (pair[:, :, 1] - colours) / 255
        self.both = torch.cat((self.one, self.two), 1)

    def c(self, p: str, name: str, x: Tensor, stride: int = 1, active: bool = True) -> Tensor:
        key = f"{p}{name}" if f"{p}{name}.weight" in self.state else f"{p}{name}.0"
        weight = self.state[f"{key}.weight"]
        y = F.conv2d(x, weight, self.state[f"{key}.bias"], stride, weight.shape[-1] // 2)
        return torch.where(y > 0, y, 0.1 * y) if active else y

    def up(self, p: str, name: str, x: Tensor) -> Tensor:
        learned = name.startswith("upsampled")
        key = f"{p}{name}" if learned else f"{p}{name}.0"
        y = F.conv_transpose2d(x, self.state[f"{key}.weight"], self.state.get(f"{key}.bias"), 2, 1)
        return y if learned else torch.where(y > 0, y, 0.1 * y)

    def expand(self, p: str, levels: dict[int, Tensor], inter: bool = False) -> Tensor:
        features = levels[6]
        flow = self.c(p, "predict_flow6", features, active=False)
        for level in (5, 4, 3, 2):
            enlarged = self.up(p, f"upsampled_flow{level + 1}_to_{level}", flow)
            features = torch.cat((levels[level], self.up(p, f"deconv{level}", features), enlarged), 1)
            seen = self.c(p, f"inter_conv{level}", features, active=False) if inter else features
            flow = self.c(p, f"predict_flow{level}", seen, active=False)
        return flow

    def deep(self, p: str, third: Tensor, second: Tensor) -> dict[int, Tensor]:
        fourth = self.c(p, "conv4_1", self.c(p, "conv4", third, 2))
        fifth = self.c(p, "conv5_1", self.c(p, "conv5", fourth, 2))
        sixth = self.c(p, "conv6_1", self.c(p, "conv6", fifth, 2))
        return {2: second, 3: third, 4: fourth, 5: fifth, 6: sixth}

    def simple(self, p: str, x: Tensor) -> Tensor:
        second = self.c(p, "conv2", self.c(p, "conv1", x, 2), 2)
        third = self.c(p, "conv3_1", self.c(p, "conv3", second, 2))
        return self.expand(p, self.deep(p, third, second))

    def correlating(self, p: str) -> Tensor:
        second = [self.c(p, "conv2", self.c(p, "conv1", image, 2), 2) for image in (self.one, self.two)]
        third = [self.c(p, "conv3", features, 2) for features in second]
        height, width = third[1].shape[2:]
        padded = F.pad(third[1], (20, 20, 20, 20)).unfold(2, height, 2).unfold(3, width, 2)
        # (1, C, 21, 21, H, W): every displaced copy
        correlation = torch.einsum("bcyx,bcdeyx->bdeyx", third[0], padded) / 256
        correlation = correlation.reshape(1, 441, height, width)
        correlation = torch.where(correlation > 0, correlation, 0.1 * correlation)
        merged = self.c(p, "conv3_1", torch.cat((self.c(p, "conv_redir", third[0]), correlation), 1))
        return self.expand(p, self.deep(p, merged, second[0]))

    def small(self, p: str) -> Tensor:
        first = self.c(p, "conv1_1", self.c(p, "conv1", self.c(p, "conv0", self.both), 2))
        second = self.c(p, "conv2_1", self.c(p, "conv2", first, 2))
        third = self.c(p, "conv3_1", self.c(p, "conv3", second, 2))
        return self.expand(p, self.deep(p, third, second), inter=True)

    def fused(self, x: Tensor) -> Tensor:
        p = "flownetfusion."
        full = self.c(p, "conv0", x)
        half = self.c(p, "conv1_1", self.c(p, "conv1", full, 2))
        deepest = self.c(p, "conv2_1", self.c(p, "conv2", half, 2))
        flow2 = self.c(p, "predict_flow2", deepest, active=False)
        half = torch.cat((half, self.up(p, "deconv1", deepest), self.up(p, "upsampled_flow2_to_1", flow2)), 1)
        flow1 = self.c(p, "predict_flow1", self.c(p, "inter_conv1", half, active=False), active=False)
        full = torch.cat((full, self.up(p, "deconv0", half), self.up(p, "upsampled_flow1_to_0", flow1)), 1)
        return self.c(p, "predict_flow0", self.c(p, "inter_conv0", full, active=False), active=False)

    def flow(self, name: str) -> Tensor:
        """Flow in pixels of the network of that name."""
        alone = {
            "flownet2_c": lambda: self.correlating(""),
            "flownet2_s": lambda: self.simple("", self.both),
            "flownet2_sd": lambda: self.small(""),
        }
        if name in alone:
            return F.interpolate(alone[name]() * 20, scale_factor=4, mode="bilinear")
        flow = F.interpolate(self.correlating("flownetc.") * 20, scale_factor=4, mode="bilinear")
        for p, mode in (("flownets_1.", "bilinear"), ("flownets_2.", "nearest")):
            if name == "flownet2_cs" and p == "flownets_2.":
                return flow
            warped = reference_resample(self.two, flow)
            x = torch.cat((self.both, warped, flow / 20, length(self.one - warped)), 1)
            flow = F.interpolate(self.simple(p, x) * 20, scale_factor=4, mode=mode)
        if name == "flownet2_css":
            return flow
        small = F.interpolate(self.small("flownets_d.") / 20, scale_factor=4, mode="nearest")
        errors = [length(self.one - reference_resample(self.two, f)) for f in (small, flow)]
        return self.fused(torch.cat((self.one, small, flow, length(small), length(flow), *errors), 1))


def length(x: Tensor) -> Tensor:
    return torch.linalg.vector_norm(x, dim=1, keepdim=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_agrees_with_a_second_writing(name, pair):
    network = drawn(name)
    with torch.inference_mode():
        found, expected = network(pair), Reference(network.state_dict(), pair).flow(name)
    assert expected.shape == (1, 2, 64, 128)
    assert expected.std() > 1e-3
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_flow_beyond_the_border_reads_the_border():
    # Every rule of Resample2d at once: far outside, on the edge, between the last two pixels, no motion.
    image = torch.arange(12.0).reshape(1, 1, 3, 4)
    flow = torch.zeros(1, 2, 3, 4)
    flow[0, 0, 0] = torch.tensor([-9.0, -1.5, 0.25, 7.0])
    flow[0, 1, :, 1] = torch.tensor([-0.5, 0.5, 5.0])
    torch.testing.assert_close(warp(image, flow), reference_resample(image, flow))


def published_state() -> dict[str, Tensor]:
    """Random weights under the published checkpoint's names, each layer written out: name, shape."""
    generator = torch.Generator().manual_seed(0)
    state = {}

    def layer(name, first, second, side=3, bias=None, wrapped=True) -> None:
        name = f"{name}.0" if wrapped else name
        shape, fan_in = (first, second, side, side), second * side * side
        state[f"{name}.weight"] = torch.randn(shape, generator=generator) * fan_in**-0.5
        if bias != 0:
            state[f"{name}.bias"] = 0.1 * torch.randn(bias or first, generator=generator)

    def refinement(p: str, inter: bool = False, up_bias: int = 2) -> None:
        layer(f"{p}.predict_flow6", 2, 1024, wrapped=False)
        inputs = 1024
        for level, width, skip in ((5, 512, 512), (4, 256, 512), (3, 128, 256), (2, 64, 128)):
            layer(f"{p}.deconv{level}", inputs, width, 4, bias=width)
            layer(f"{p}.upsampled_flow{level + 1}_to_{level}", 2, 2, 4, bias=up_bias, wrapped=False)
            inputs = skip + width + 2
            if inter:
                layer(f"{p}.inter_conv{level}", width, inputs)
            layer(f"{p}.predict_flow{level}", 2, width if inter else inputs, wrapped=False)

    def trunk(p: str) -> None:
        for name, first, second in (("4", 512, 256), ("4_1", 512, 512), ("5", 512, 512), ("5_1", 512, 512)):
            layer(f"{p}.conv{name}", first, second)
        layer(f"{p}.conv6", 1024, 512)
        layer(f"{p}.conv6_1", 1024, 1024)

    for p, channels in (("flownetc", 3), ("flownets_1", 12), ("flownets_2", 12)):
        layer(f"{p}.conv1", 64, channels, 7)
        layer(f"{p}.conv2", 128, 64, 5)
        layer(f"{p}.conv3", 256, 128, 5)
        layer(f"{p}.conv3_1", 256, 473 if p == "flownetc" else 256)
        trunk(p)
        refinement(p, up_bias=2 if p == "flownetc" else 0)
    layer("flownetc.conv_redir", 32, 256, 1)
    for p, channels in (("flownets_d", 6), ("flownetfusion", 11)):
        for name, first, second in (("0", 64, channels), ("1", 64, 64), ("1_1", 128, 64), ("2", 128, 128)):
            layer(f"{p}.conv{name}", first, second)
        layer(f"{p}.conv2_1", 128, 128)
    layer("flownets_d.conv3", 256, 128)
    layer("flownets_d.conv3_1", 256, 256)
    trunk("flownets_d")
    refinement("flownets_d", inter=True)
    p = "flownetfusion"
    layer(f"{p}.deconv1", 128, 32, 4, bias=32)
    layer(f"{p}.deconv0", 162, 16, 4, bias=16)
    for name, width, inputs in (("1", 32, 162), ("0", 16, 82)):
        layer(f"{p}.inter_conv{name}", width, inputs)
        layer(f"{p}.predict_flow{name}", 2, width, wrapped=False)
    layer(f"{p}.predict_flow2", 2, 128, wrapped=False)
    for name in ("flow2_to_1", "flow1_to_0"):
        layer(f"{p}.upsampled_{name}", 2, 2, 4, wrapped=False)
    return state


@pytest.mark.slow
@pytest.mark.parametrize("prefix", ["", "module."])
def test_the_published_layout(prefix, pair, tmp_path):
    path, state = tmp_path / "FlowNet2_checkpoint.pth.tar", published_state()
    content = {f"{prefix}{key}": value for key, value in state.items()}
    torch.save({"arch": "FlowNet2", "epoch": 3, "best_EPE": np.float64(1.5), "state_dict": content}, path)
    loaded = load_flownet2(path)
    assert not loaded.training
    with torch.inference_mode():
        found, expected = loaded(pair), Reference(state, pair).flow("flownet2")
    assert expected.std() > 1e-3
    assert float((found - expected).norm() / expected.norm()) < 1e-5


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
    settings = config.FlowNet2(network=name, weights=path)
    compute = config.Compute(threads=torch.get_num_threads(), precision="bfloat16")
    with load_engine(settings, compute) as engine:  # float32 all the same
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
