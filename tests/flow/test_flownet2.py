"""FlowNet2: published size and names, its layers against loops, the whole against a second writing."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.flow.flownet2 import (
    FlowNet2,
    FlowNetC,
    FlowNetS,
    FlowNetSD,
    flownet2_flow,
    load_flownet2,
    single_flow,
)
from pipeline.flow.flownet_parts import channel_norm, correlate
from pipeline.weights import WeightsError


@pytest.fixture(scope="module")
def model() -> FlowNet2:
    torch.manual_seed(0)
    model = FlowNet2().eval()
    with torch.no_grad():  # biases and flows large enough to matter
        for name, value in model.named_parameters():
            if "predict_flow" in name and name.endswith("weight"):
                value.mul_(3)
    return model


@pytest.fixture(scope="module")
def pair() -> Tensor:
    rng = np.random.default_rng(0)
    frames = np.kron(rng.integers(0, 256, (3, 2, 16, 32)), np.ones((4, 4)))
    return torch.from_numpy(frames).float()[None]  # (1, 3, 2, 64, 128)


def test_parameter_counts(model):
    def count(network: torch.nn.Module) -> int:
        return sum(value.numel() for value in network.parameters())

    assert count(model) == 162_518_834  # published
    assert count(model.flownetc) == 39_175_298  # published
    assert count(model.flownets_d) == 45_371_666  # published
    assert count(model.flownetfusion) == 581_226  # published


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


def reference_flow(state: dict[str, Tensor], pair: Tensor) -> Tensor:
    """FlowNet2 written a second time, from the checkpoint's names and the published description."""

    def c(prefix: str, name: str, x: Tensor, stride: int = 1, active: bool = True) -> Tensor:
        name = name if f"{prefix}.{name}.weight" in state else f"{name}.0"
        weight = state[f"{prefix}.{name}.weight"]
        y = F.conv2d(x, weight, state[f"{prefix}.{name}.bias"], stride, weight.shape[-1] // 2)
        return torch.where(y > 0, y, 0.1 * y) if active else y

    def up(prefix: str, name: str, x: Tensor) -> Tensor:
        learned = name.startswith("upsampled")
        key = f"{prefix}.{name}" if learned else f"{prefix}.{name}.0"
        y = F.conv_transpose2d(x, state[f"{key}.weight"], state.get(f"{key}.bias"), 2, 1)
        return y if learned else torch.where(y > 0, y, 0.1 * y)

    def expand(p: str, levels: dict[int, Tensor], inter: bool = False) -> Tensor:
        features = levels[6]
        flow = c(p, "predict_flow6", features, active=False)
        for level in (5, 4, 3, 2):
            enlarged = up(p, f"upsampled_flow{level + 1}_to_{level}", flow)
            features = torch.cat((levels[level], up(p, f"deconv{level}", features), enlarged), 1)
            seen = c(p, f"inter_conv{level}", features, active=False) if inter else features
            flow = c(p, f"predict_flow{level}", seen, active=False)
        return flow

    def deep(p: str, third: Tensor, second: Tensor) -> dict[int, Tensor]:
        fourth = c(p, "conv4_1", c(p, "conv4", third, 2))
        fifth = c(p, "conv5_1", c(p, "conv5", fourth, 2))
        return {2: second, 3: third, 4: fourth, 5: fifth, 6: c(p, "conv6_1", c(p, "conv6", fifth, 2))}

    def simple(p: str, x: Tensor) -> Tensor:
        second = c(p, "conv2", c(p, "conv1", x, 2), 2)
        return expand(p, deep(p, c(p, "conv3_1", c(p, "conv3", second, 2)), second))

    def norm(x: Tensor) -> Tensor:
        return torch.linalg.vector_norm(x, dim=1, keepdim=True)

    colours = pair.reshape(1, 3, -1).mean(2)[:, :, None, None]
    one, two = (pair[:, :, 0] - colours) / 255, (pair[:, :, 1] - colours) / 255
    both = torch.cat((one, two), 1)

    p = "flownetc"
    second = [c(p, "conv2", c(p, "conv1", image, 2), 2) for image in (one, two)]
    third = [c(p, "conv3", features, 2) for features in second]
    padded = F.pad(third[1], (20, 20, 20, 20)).unfold(2, third[1].shape[2], 2).unfold(3, third[1].shape[3], 2)
    # (1, C, 21, 21, H, W): every displaced copy
    correlation = torch.einsum("bcyx,bcdeyx->bdeyx", third[0], padded) / 256
    correlation = correlation.reshape(1, 441, *third[0].shape[2:])
    correlation = torch.where(correlation > 0, correlation, 0.1 * correlation)
    merged = c(p, "conv3_1", torch.cat((c(p, "conv_redir", third[0]), correlation), 1))
    flow = F.interpolate(expand(p, deep(p, merged, second[0])) * 20, scale_factor=4, mode="bilinear")
    for p in ("flownets_1", "flownets_2"):
        warped = reference_resample(two, flow)
        quarter = simple(p, torch.cat((both, warped, flow / 20, norm(one - warped)), 1)) * 20
        flow = F.interpolate(quarter, scale_factor=4, mode="bilinear" if p == "flownets_1" else "nearest")
    p = "flownets_d"
    first = c(p, "conv1_1", c(p, "conv1", c(p, "conv0", both), 2))
    second = c(p, "conv2_1", c(p, "conv2", first, 2))
    quarter = expand(p, deep(p, c(p, "conv3_1", c(p, "conv3", second, 2)), second), inter=True) / 20
    small = F.interpolate(quarter, scale_factor=4, mode="nearest")
    errors = [norm(one - reference_resample(two, f)) for f in (small, flow)]
    p = "flownetfusion"
    full = c(p, "conv0", torch.cat((one, small, flow, norm(small), norm(flow), *errors), 1))
    half = c(p, "conv1_1", c(p, "conv1", full, 2))
    deepest = c(p, "conv2_1", c(p, "conv2", half, 2))
    flow2 = c(p, "predict_flow2", deepest, active=False)
    half = torch.cat((half, up(p, "deconv1", deepest), up(p, "upsampled_flow2_to_1", flow2)), 1)
    flow1 = c(p, "predict_flow1", c(p, "inter_conv1", half, active=False), active=False)
    full = torch.cat((full, up(p, "deconv0", half), up(p, "upsampled_flow1_to_0", flow1)), 1)
    return c(p, "predict_flow0", c(p, "inter_conv0", full, active=False), active=False)


@pytest.mark.slow
def test_agrees_with_a_second_writing(model, pair):
    with torch.inference_mode():
        found, expected = model(pair), reference_flow(model.state_dict(), pair)
    assert expected.std() > 1e-3
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_published_key_names(model):
    keys = model.state_dict().keys()
    prefixes = {key.split(".")[0] for key in keys}
    assert prefixes == {"flownetc", "flownets_1", "flownets_2", "flownets_d", "flownetfusion"}
    assert {
        "flownetc.conv1.0.weight",
        "flownetc.conv_redir.0.bias",
        "flownetc.upsampled_flow6_to_5.bias",
        "flownets_1.deconv5.0.weight",
        "flownets_2.predict_flow2.bias",
        "flownets_d.inter_conv2.0.weight",
        "flownetfusion.predict_flow0.weight",
    } <= keys
    assert "flownets_1.upsampled_flow6_to_5.bias" not in keys


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
        found, expected = loaded(pair), reference_flow(state, pair)
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
    assert "missing: flownetc.conv1.0.weight" in message


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


@pytest.mark.parametrize("network", [FlowNetC, lambda: FlowNetS(6), FlowNetSD])
def test_single_networks(network, pair):
    with torch.inference_mode():
        assert single_flow(network().eval(), pair).shape == (1, 2, 64, 128)


def test_refuses_unsuitable_frames(model):
    with pytest.raises(ValueError, match="multiples of 64"):
        model(torch.zeros(1, 3, 2, 60, 64))
    with pytest.raises(ValueError, match=r"\(4, 5, 3\), \(4, 6, 3\)"):
        flownet2_flow(model, np.zeros((4, 5, 3), np.uint8), np.zeros((4, 6, 3), np.uint8))
    with pytest.raises(ValueError, match="float64"):
        flownet2_flow(model, np.zeros((4, 5, 3)), np.zeros((4, 5, 3)))
