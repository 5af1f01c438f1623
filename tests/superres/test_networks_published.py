"""Networks of the published sizes against the published systems, by their own names and memory order."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.superres.networks import load_network

pytestmark = pytest.mark.numeric

GENERATOR = torch.Generator().manual_seed(0)


def draw(*shape: int, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(shape, generator=GENERATOR)


def draw_state(network: torch.nn.Module) -> dict[str, Tensor]:
    """Random weights and running statistics under the network's keys, loaded into it."""
    state = {}
    for key, value in network.state_dict().items():
        if key.endswith("num_batches_tracked"):
            state[key] = value
        elif key.endswith("running_var"):
            state[key] = 0.5 + draw(*value.shape).square()
        elif key.endswith(("running_mean", "bias")):
            state[key] = draw(*value.shape, scale=0.1)
        elif value.ndim == 1:
            state[key] = 1 + draw(*value.shape, scale=0.1)
        else:
            state[key] = draw(*value.shape, scale=value[0].numel() ** -0.5)
    network.load_state_dict(state)
    network.eval()
    return state


def assert_close(actual: Tensor, expected: Tensor) -> None:
    assert actual.shape == expected.shape
    assert float((actual - expected).norm() / expected.norm()) < 1e-5


class TensorFlowDUF:
    """VSR-DUF as its authors' TensorFlow graph: channels last, weights (t, h, w, in, out), one name each."""

    def __init__(self, kept_units: int, growth: int, features: int, head: int) -> None:
        self.units, self.growth = kept_units, growth
        self.weights: dict[str, Tensor] = {}
        self._conv("conv1", 1, 3, 3, features)
        channels = features
        for r in range(1, kept_units + 4):
            self._norm(f"Rbn{r}a", channels)
            self._conv(f"Rconv{r}a", 1, 1, channels, channels)
            self._norm(f"Rbn{r}b", channels)
            self._conv(f"Rconv{r}b", 3, 3, channels, growth)
            channels += growth
        self._norm("fbn1", channels)
        self._conv("conv2", 1, 3, channels, head)
        self._conv("rconv1", 1, 1, head, head)
        self._conv("rconv2", 1, 1, head, 48)
        self._conv("fconv1", 1, 1, head, 2 * head)
        self._conv("fconv2", 1, 1, 2 * head, 400)

    def _conv(self, name: str, time: int, side: int, inputs: int, outputs: int) -> None:
        fan_in = time * side * side * inputs
        self.weights[f"{name}/W"] = draw(time, side, side, inputs, outputs, scale=(2 / fan_in) ** 0.5)
        self.weights[f"{name}/b"] = draw(outputs, scale=0.1)

    def _norm(self, name: str, channels: int) -> None:
        for part in ("beta", "moving_mean"):
            self.weights[f"{name}/{part}"] = draw(channels, scale=0.1)
        # Small variances make epsilon count.
        self.weights[f"{name}/moving_variance"] = 0.02 * draw(channels).square() + 1e-3
        self.weights[f"{name}/gamma"] = 0.2 + 0.1 * draw(channels).abs()

    def conv(self, name: str, x: Tensor, pad_time: int = 0) -> Tensor:
        weight = self.weights[f"{name}/W"]
        side = weight.shape[1] // 2
        x = F.pad(x, (0, 0, side, side, side, side, pad_time, pad_time))
        out = F.conv3d(x.permute(0, 4, 1, 2, 3), weight.permute(4, 3, 0, 1, 2))
        return out.permute(0, 2, 3, 4, 1) + self.weights[f"{name}/b"]

    def norm_relu(self, name: str, x: Tensor) -> Tensor:
        mean, variance, beta, gamma = (
            self.weights[f"{name}/{part}"] for part in ("moving_mean", "moving_variance", "beta", "gamma")
        )
        return ((x - mean) / (variance + 1e-3).sqrt() * gamma + beta).relu()

    def __call__(self, frames: Tensor) -> Tensor:
        """(B, 7, h, w, 3) to (B, 4h, 4w, 3)."""
        x = self.conv("conv1", frames)
        for r in range(1, self.units + 4):
            keeps_time = r <= self.units
            t = self.conv(f"Rconv{r}a", self.norm_relu(f"Rbn{r}a", x))
            t = self.conv(f"Rconv{r}b", self.norm_relu(f"Rbn{r}b", t), pad_time=int(keeps_time))
            x = torch.cat((x if keeps_time else x[:, 1:-1], t), 4)
        x = self.conv("conv2", self.norm_relu("fbn1", x)).relu()
        residual = self.conv("rconv2", self.conv("rconv1", x).relu())[:, 0]  # (B, h, w, 48)
        filters = self.conv("fconv2", self.conv("fconv1", x).relu())[:, 0]
        filters = filters.reshape(*filters.shape[:3], 25, 16).softmax(3)
        h, w = residual.shape[1:3]
        colours = []
        for c in range(3):
            frame = F.pad(frames[:, 3, :, :, c], (2, 2, 2, 2))
            patch = torch.stack([frame[:, i : i + h, j : j + w] for i in range(5) for j in range(5)], 3)
            colours.append(depth_to_space((patch[..., None, :] @ filters)[..., 0, :]))
        return torch.cat(colours, 3) + depth_to_space(residual)

    def port(self) -> dict[str, Tensor]:
        """The same weights under the PyTorch port's names."""
        names = {"conv1": "conv3d1", "fbn1": "bn3d2", "conv2": "conv3d2", "rconv1": "conv3d_r1"}
        names |= {"rconv2": "conv3d_r2", "fconv1": "conv3d_f1", "fconv2": "conv3d_f2"}
        for r in range(1, self.units + 4):
            unit = f"dense_block1.dense_blocks.{r - 1}"
            if r > self.units:
                unit = f"dense_block2.temporal_reduce{r - self.units}"
            names |= {f"Rbn{r}a": f"{unit}.0", f"Rconv{r}a": f"{unit}.2"}
            names |= {f"Rbn{r}b": f"{unit}.3", f"Rconv{r}b": f"{unit}.5"}
        parts = {"W": "weight", "b": "bias", "gamma": "weight", "beta": "bias"}
        parts |= {"moving_mean": "running_mean", "moving_variance": "running_var"}
        state = {}
        for key, value in self.weights.items():
            name, _, part = key.partition("/")
            if name == "rconv2":  # sub-pixel * 3 + colour becomes colour * 16 + sub-pixel
                value = value.unflatten(-1, (16, 3)).transpose(-1, -2).flatten(-2)
            if part == "W":
                value = value.permute(4, 3, 0, 1, 2)
            state[f"{names[name]}.{parts[part]}"] = value
        return state


def depth_to_space(x: Tensor) -> Tensor:
    """TensorFlow's, block 4: (B, h, w, 16 * C) to (B, 4h, 4w, C), sub-pixel outermost in the channels."""
    b, h, w, channels = x.shape
    x = x.reshape(b, h, w, 4, 4, channels // 16).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(b, 4 * h, 4 * w, channels // 16)


@pytest.mark.parametrize(("depth", "units", "growth"), [(16, 3, 32), (28, 9, 16), (52, 21, 16)])
def test_vsr_duf_is_the_tensorflow_graph(depth, units, growth):
    theirs = TensorFlowDUF(units, growth, features=64, head=256)
    ours = load_network("vsr_duf", {"depth": depth}).eval()
    result = ours.load_state_dict(theirs.port(), strict=False)
    assert not result.unexpected_keys
    assert all(key.endswith("num_batches_tracked") for key in result.missing_keys)
    frames = torch.rand(2, 7, 6, 5, 3, generator=GENERATOR)
    with torch.no_grad():
        sr = ours(frames.permute(0, 1, 4, 2, 3))
    assert_close(sr.permute(0, 2, 3, 1), theirs(frames))


def test_rcan_is_the_release():
    network = load_network("rcan", {})
    state = draw_state(network)
    state["sub_mean.weight"] = torch.eye(3)[:, :, None, None] + draw(3, 3, 1, 1, scale=0.05)  # had trained
    network.load_state_dict(state)

    def conv(name: str, x: Tensor) -> Tensor:
        weight = state[f"{name}.weight"]
        return F.conv2d(x, weight, state[f"{name}.bias"], padding=weight.shape[-1] // 2)

    lr = torch.rand(2, 3, 7, 6, generator=GENERATOR)
    x = conv("head.0", conv("sub_mean", 255 * lr))
    trunk = x
    for group in range(10):
        entry = trunk
        for block in range(20):
            name = f"body.{group}.body.{block}.body"
            inner = conv(f"{name}.2", conv(f"{name}.0", trunk).relu())
            pooled = F.adaptive_avg_pool2d(inner, 1)
            attention = conv(f"{name}.3.conv_du.2", conv(f"{name}.3.conv_du.0", pooled).relu()).sigmoid()
            trunk = trunk + inner * attention
        trunk = entry + conv(f"body.{group}.body.20", trunk)
    x = x + conv("body.10", trunk)
    for place in ("tail.0.0", "tail.0.2"):
        x = F.pixel_shuffle(conv(place, x), 2)
    expected = conv("add_mean", conv("tail.1", x)) / 255
    with torch.no_grad():
        assert_close(network(lr), expected)


@pytest.mark.parametrize(
    ("args", "blocks"),
    [({}, 16), ({"blocks": 5, "bias": True, "output": "tanh"}, 5)],
    ids=["paper", "release"],
)
def test_srgan_generator_is_the_published_one(args, blocks):
    network = load_network("srresnet", args)
    state = draw_state(network)
    assert ("block2.conv1.bias" in state) == (blocks == 5)

    def conv(name: str, x: Tensor) -> Tensor:
        weight = state[f"{name}.weight"]
        return F.conv2d(x, weight, state.get(f"{name}.bias"), padding=weight.shape[-1] // 2)

    def norm(name: str, x: Tensor) -> Tensor:
        parts = (state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, *parts)

    lr = torch.rand(2, 3, 7, 6, generator=GENERATOR)
    first = F.prelu(conv("block1.0", lr), state["block1.1.weight"])
    x = first
    for block in (f"block{number}" for number in range(2, blocks + 2)):
        inner = F.prelu(norm(f"{block}.bn1", conv(f"{block}.conv1", x)), state[f"{block}.prelu.weight"])
        x = x + norm(f"{block}.bn2", conv(f"{block}.conv2", inner))
    trunk, tail = f"block{blocks + 2}", f"block{blocks + 3}"
    x = first + norm(f"{trunk}.1", conv(f"{trunk}.0", x))
    for step in (f"{tail}.0", f"{tail}.1"):
        x = F.prelu(F.pixel_shuffle(conv(f"{step}.conv", x), 2), state[f"{step}.prelu.weight"])
    expected = conv(f"{tail}.2", x)
    if blocks == 5:
        expected = (torch.tanh(expected) + 1) / 2
    with torch.no_grad():
        assert_close(network(lr), expected)


def test_vdsr_is_the_release():
    network = load_network("vdsr", {})
    state = draw_state(network)
    y = torch.rand(2, 1, 24, 20, generator=GENERATOR)
    x = F.conv2d(y, state["input.weight"], padding=1).relu()
    for layer in range(18):
        x = F.conv2d(x, state[f"residual_layer.{layer}.conv.weight"], padding=1).relu()
    expected = y + F.conv2d(x, state["output.weight"], padding=1)
    assert len(state) == 20
    with torch.no_grad():
        assert_close(y + network.residual(y), expected)


def test_rrdb_is_the_release():
    network = load_network("rrdb", {})
    state = draw_state(network)

    def conv(name: str, x: Tensor, active: bool = True) -> Tensor:
        y = F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)
        return torch.where(y > 0, y, 0.2 * y) if active else y

    lr = torch.rand(2, 3, 7, 6, generator=GENERATOR)
    first = conv("conv_first", lr, active=False)
    x = first
    for block in range(23):
        entry = x
        for dense in ("rdb1", "rdb2", "rdb3"):
            name = f"body.{block}.{dense}"
            x1 = conv(f"{name}.conv1", x)
            x2 = conv(f"{name}.conv2", torch.cat((x, x1), 1))
            x3 = conv(f"{name}.conv3", torch.cat((x, x1, x2), 1))
            x4 = conv(f"{name}.conv4", torch.cat((x, x1, x2, x3), 1))
            x = x + 0.2 * conv(f"{name}.conv5", torch.cat((x, x1, x2, x3, x4), 1), active=False)
        x = entry + 0.2 * x
    x = first + conv("conv_body", x, active=False)
    for name in ("conv_up1", "conv_up2"):
        x = conv(name, x.repeat_interleave(2, 2).repeat_interleave(2, 3))
    expected = conv("conv_last", conv("conv_hr", x), active=False)
    with torch.no_grad():
        assert_close(network(lr), expected)


def test_srgan_discriminator_is_the_papers():
    network = load_network("srgan_discriminator", {})
    state = draw_state(network)
    x = patches = torch.rand(2, 3, 96, 96, generator=GENERATOR)
    assert "features.0.bias" in state
    assert "features.2.bias" not in state
    x = F.leaky_relu(F.conv2d(x, state["features.0.weight"], state["features.0.bias"], padding=1), 0.2)
    for index in range(1, 8):
        place = 3 * index - 1  # convolution, normalisation and activation after the first two layers
        x = F.conv2d(x, state[f"features.{place}.weight"], stride=1 + index % 2, padding=1)
        norm = f"features.{place + 1}"
        parts = (state[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        x = F.leaky_relu(F.batch_norm(x, *parts), 0.2)
    assert x.shape == (2, 512, 6, 6)
    x = F.linear(x.flatten(1), state["classifier.0.weight"], state["classifier.0.bias"])
    expected = F.linear(F.leaky_relu(x, 0.2), state["classifier.2.weight"], state["classifier.2.bias"])
    with torch.no_grad():
        assert_close(network(patches), expected)


def test_vgg128_is_the_release():
    network = load_network("vgg128", {})
    state = draw_state(network)
    patches = torch.rand(2, 3, 128, 128, generator=GENERATOR)
    x = patches
    for step in range(5):
        for part, (stride, first) in enumerate(((1, step == 0), (2, False))):
            x = F.conv2d(
                x, state[f"conv{step}_{part}.weight"], state.get(f"conv{step}_{part}.bias"), stride, 1
            )
            if not first:
                name = f"bn{step}_{part}"
                parts = (state[f"{name}.{p}"] for p in ("running_mean", "running_var", "weight", "bias"))
                x = F.batch_norm(x, *parts)
            x = F.leaky_relu(x, 0.2)
    x = F.leaky_relu(F.linear(x.flatten(1), state["linear1.weight"], state["linear1.bias"]), 0.2)
    expected = F.linear(x, state["linear2.weight"], state["linear2.bias"])
    assert "conv0_0.bias" in state
    assert "conv0_1.bias" not in state
    with torch.no_grad():
        assert_close(network(patches), expected)
