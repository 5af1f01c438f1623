"""Backbones and ST-ResNet against second writings of the published systems, by their own names."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.recognition.networks import load_backbone
from pipeline.recognition.networks.st_resnet import STResNet

pytestmark = pytest.mark.numeric


def draw(*shape: int, scale: float = 1.0, generator: torch.Generator) -> Tensor:
    return scale * torch.randn(shape, generator=generator)


def draw_state(network: torch.nn.Module) -> dict[str, Tensor]:
    """Random weights and running statistics under the network's keys, loaded into it."""
    generator, state = torch.Generator().manual_seed(0), {}
    for key, value in network.state_dict().items():
        if key.endswith("num_batches_tracked"):
            state[key] = value
        elif key.endswith("running_var"):  # small, so that epsilon counts
            state[key] = 0.02 * draw(*value.shape, generator=generator).square() + 1e-3
        elif key.endswith(("running_mean", "bias")):
            state[key] = draw(*value.shape, scale=0.1, generator=generator)
        elif value.ndim == 1:
            state[key] = 0.15 + 0.05 * draw(*value.shape, generator=generator).abs()
        else:
            state[key] = draw(*value.shape, scale=value[0].numel() ** -0.5, generator=generator)
    network.load_state_dict(state)
    network.eval()
    return state


def assert_close(actual: Tensor, expected: Tensor) -> None:
    assert actual.shape == expected.shape
    assert float((actual - expected).norm() / expected.norm()) < 1e-5


class Layers:
    """Convolution, normalisation with epsilon 1e-5 and ReLU on tensors found by name."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state = state

    def conv(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight = self.state[f"{name}.weight"]
        return F.conv2d(x, weight, self.state.get(f"{name}.bias"), stride, weight.shape[-1] // 2)

    def norm(self, name: str, x: Tensor) -> Tensor:
        mean, var, weight, bias = (
            self.state[f"{name}.{part}"][:, None, None]
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * weight + bias

    def conv_norm_relu(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        return self.norm(f"{name}_bn", self.conv(name, x, stride)).relu()


def caffe_max_pool(x: Tensor) -> Tensor:
    """Caffe's 3x3 max-pooling of stride 2: windows start inside, and are cut where the input ends."""
    sides = [-(-(n - 3) // 2) + 1 for n in x.shape[-2:]]
    columns = [x[..., 2 * i : 2 * i + 3].amax(-1, keepdim=True) for i in range(sides[1])]
    x = torch.cat(columns, -1)
    return torch.cat([x[..., 2 * i : 2 * i + 3, :].amax(-2, keepdim=True) for i in range(sides[0])], -2)


def test_bn_inception_is_tsns_caffe_model():
    network = load_backbone("bn_inception", 7, 10, 0.0, {})
    at = Layers(draw_state(network))
    frames = draw(1, 10, 224, 224, scale=40.0, generator=torch.Generator().manual_seed(1))
    x = caffe_max_pool(at.conv_norm_relu("conv1_7x7_s2", frames, 2))
    x = at.conv_norm_relu("conv2_3x3", at.conv_norm_relu("conv2_3x3_reduce", x))
    x = caffe_max_pool(x)
    for block in ("3a", "3b", "3c", "4a", "4b", "4c", "4d", "4e", "5a", "5b"):
        name = f"inception_{block}"
        stride = 2 if block in ("3c", "4e") else 1
        single = at.conv_norm_relu(f"{name}_3x3", at.conv_norm_relu(f"{name}_3x3_reduce", x), stride)
        double = at.conv_norm_relu(f"{name}_double_3x3_1", at.conv_norm_relu(f"{name}_double_3x3_reduce", x))
        double = at.conv_norm_relu(f"{name}_double_3x3_2", double, stride)
        if stride == 2:
            x = torch.cat((single, double, caffe_max_pool(x)), 1)
            continue
        around = F.unfold(F.pad(x, (1, 1, 1, 1), value=-torch.inf if block == "5b" else 0.0), 3)
        around = around.unflatten(1, (x.shape[1], 9))
        pooled = (around.amax(2) if block == "5b" else around.mean(2)).view_as(x)
        projected = at.conv_norm_relu(f"{name}_pool_proj", pooled)
        x = torch.cat((at.conv_norm_relu(f"{name}_1x1", x), single, double, projected), 1)
    assert x.shape == (1, 1024, 7, 7)
    expected = F.linear(x.mean((2, 3)), at.state["last_linear.weight"], at.state["last_linear.bias"])
    with torch.no_grad():
        assert_close(network(frames), expected)


@pytest.mark.parametrize("caffe", [False, True], ids=["torchvision", "caffe"])
def test_resnet50_is_the_published_one(caffe):
    network = load_backbone("resnet50", 7, 3, 0.0, {"caffe": caffe})
    at = Layers(draw_state(network))
    frames = draw(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    x = at.norm("bn1", at.conv("conv1", frames, 2)).relu()
    x = caffe_max_pool(x) if caffe else F.max_pool2d(F.pad(x, (1, 1, 1, 1), value=-torch.inf), 3, 2)
    for stage, units in enumerate((3, 4, 6, 3), 1):
        for unit in range(units):
            name = f"layer{stage}.{unit}"
            stride = 2 if stage > 1 and unit == 0 else 1
            inner = at.norm(f"{name}.bn1", at.conv(f"{name}.conv1", x, stride if caffe else 1)).relu()
            inner = at.norm(f"{name}.bn2", at.conv(f"{name}.conv2", inner, 1 if caffe else stride)).relu()
            inner = at.norm(f"{name}.bn3", at.conv(f"{name}.conv3", inner))
            if unit == 0:
                x = at.norm(f"{name}.downsample.1", at.conv(f"{name}.downsample.0", x, stride))
            x = (x + inner).relu()
    assert x.shape == (1, 2048, 7, 7)
    expected = F.linear(x.mean((2, 3)), at.state["fc.weight"], at.state["fc.bias"])
    with torch.no_grad():
        assert_close(network(frames), expected)


DEPTHS, WIDTH, CLASSES = (3, 4, 6, 3), 4, 5


class MatConvNet:
    """The authors' joint network after their surgery, layer by layer, with tensors under MatConvNet's names.

    Normalisations keep their mean and their deviation; images are (clips x frames, channels, h, w), frames
    of a clip next to each other.
    """

    def __init__(self, clips: int, pool: bool) -> None:
        self.clips, self.pool = clips, pool
        self.values: dict[str, Tensor] = {}
        self.generator = torch.Generator().manual_seed(0)

    def draw(self, name: str, *shape: int, scale: float, offset: float = 0.0) -> Tensor:
        if name not in self.values:
            self.values[name] = offset + draw(*shape, scale=scale, generator=self.generator)
        return self.values[name]

    def conv(self, name: str, stream: str, x: Tensor, out: int, size: int, stride: int = 1) -> Tensor:
        inputs = x.shape[1]
        scale = (inputs * size * size) ** -0.5
        weight = self.draw(f"{name}_filter_{stream}", out, inputs, size, size, scale=scale)
        return F.conv2d(x, weight, None, stride, size // 2)

    def conv_time(self, name: str, stream: str, x: Tensor, out: int) -> Tensor:
        """A 3x1x1 convolution, zeros before the first frame of a clip and after its last."""
        n, inputs = x.shape[:2]
        weight = self.draw(f"{name}_filter_{stream}", out, inputs, 3, scale=(3 * inputs) ** -0.5)
        clips = x.unflatten(0, (self.clips, -1))
        zeros = torch.zeros_like(clips[:, :1])
        padded = torch.cat((zeros, clips, zeros), 1)
        frames = n // self.clips
        taps = [torch.einsum("oc,btchw->btohw", weight[..., k], padded[:, k : k + frames]) for k in range(3)]
        return sum(taps).flatten(0, 1)

    def norm(self, name: str, stream: str, x: Tensor) -> Tensor:
        gain, bias, mean, sigma = (
            self.draw(f"{name}_{part}_{stream}", x.shape[1], scale=scale, offset=offset)[:, None, None]
            for part, scale, offset in (
                ("mult", 0.05, 0.6), ("bias", 0.1, 0.0), ("mean", 0.1, 0.0), ("sigma", 0.05, 1.0),
            )
        )  # fmt: skip
        return gain * (x - mean) / sigma + bias

    def branch(self, unit: str, stream: str, x: Tensor, width: int, stride: int) -> Tensor:
        """branch2a, branch2b, branch2c of a unit; those of every unit b see three frames."""
        wide = unit.endswith("b")
        for part, out in (("a", width), ("b", width), ("c", 4 * width)):
            layer = f"{unit}_branch2{part}"
            if part == "b":
                x = self.conv(f"res{layer}", stream, x, out, 3)
            elif wide:
                x = self.conv_time(f"res{layer}", stream, x, out)
            else:
                x = self.conv(f"res{layer}", stream, x, out, 1, stride if part == "a" else 1)
            x = self.norm(f"bn{layer}", stream, x)
            x = x if part == "c" else x.relu()
        return x

    def __call__(self, frames: Tensor, flow: Tensor) -> Tensor:
        """Predictions (clips, classes) of both streams, averaged."""
        now = {}
        for stream, x in (("spatial", frames.flatten(0, 1)), ("temporal", flow.flatten(0, 1))):
            x = self.norm("bn_conv1", stream, self.conv("conv1", stream, x, WIDTH, 7, 2)).relu()
            now[stream] = caffe_max_pool(x)
        for stage, units in enumerate(DEPTHS, 2):
            width, stride = WIDTH * 2 ** (stage - 2), 1 + (stage > 2)
            into = None
            for letter in "abcdef"[:units]:
                sums = {}
                for stream in ("temporal", "spatial"):
                    x, unit = now[stream], f"{stage}{letter}"
                    first = letter == "a"
                    source = into if stream == "spatial" and into is not None else x
                    inner = self.branch(unit, stream, source, width, stride if first else 1)
                    if first:
                        x = self.conv(f"res{unit}_branch1", stream, x, 4 * width, 1, stride)
                        x = self.norm(f"bn{unit}_branch1", stream, x)
                    sums[stream] = x + inner
                    now[stream] = sums[stream].relu()
                # res*a_relu_temporal is added to res*a_spatial; the next branch2a reads it, nothing else.
                into = sums["spatial"] + now["temporal"] if letter == "a" else None
        predictions = []
        for stream in ("spatial", "temporal"):
            x = now[stream].unflatten(0, (self.clips, -1))
            if self.pool:
                starts = range(0, x.shape[1] - 4, 2)
                x = torch.stack([x[:, t : t + 5].amax(1) for t in starts], 1)
            x = F.avg_pool2d(x.flatten(0, 1), 7, 1)
            weight = self.draw(f"fc_filter_{stream}", CLASSES, x.shape[1], scale=x.shape[1] ** -0.5)
            bias = self.draw(f"fc_bias_{stream}", CLASSES, scale=0.1)
            scores = torch.einsum("oc,nchw->nohw", weight, x) + bias[:, None, None]
            predictions.append(scores.mean((2, 3)).unflatten(0, (self.clips, -1)).mean(1))
        return (predictions[0] + predictions[1]) / 2

    def load(self, network: STResNet) -> None:
        """The same tensors into our network."""
        state = {}
        for stream, ours in (("spatial", "appearance"), ("temporal", "motion")):

            def norm(theirs: str, name: str, stream: str = stream) -> None:
                v = {part: self.values[f"{theirs}_{part}_{stream}"] for part in ("mult", "bias", "mean")}
                sigma = self.values[f"{theirs}_sigma_{stream}"]
                state[f"{name}.weight"], state[f"{name}.bias"] = v["mult"], v["bias"]
                state[f"{name}.running_mean"], state[f"{name}.running_var"] = v["mean"], sigma**2 - 1e-5

            state[f"{ours}.conv1.weight"] = self.values[f"conv1_filter_{stream}"]
            norm("bn_conv1", f"{ours}.bn1")
            for stage, units in enumerate(DEPTHS, 2):
                for index, letter in enumerate("abcdef"[:units]):
                    name, unit = f"{ours}.layer{stage - 1}.{index}", f"{stage}{letter}"
                    for number, part in enumerate("abc", 1):
                        kernel = self.values[f"res{unit}_branch2{part}_filter_{stream}"]
                        state[f"{name}.conv{number}.weight"] = (
                            kernel if kernel.ndim == 4 else kernel[..., None]
                        )
                        norm(f"bn{unit}_branch2{part}", f"{name}.bn{number}")
                    if letter == "a":
                        state[f"{name}.downsample.0.weight"] = self.values[
                            f"res{unit}_branch1_filter_{stream}"
                        ]
                        norm(f"bn{unit}_branch1", f"{name}.downsample.1")
            state[f"{ours}.fc.weight"] = self.values[f"fc_filter_{stream}"]
            state[f"{ours}.fc.bias"] = self.values[f"fc_bias_{stream}"]
        found = network.load_state_dict(state, strict=False)
        assert not found.unexpected_keys
        assert all(key.endswith("num_batches_tracked") for key in found.missing_keys)


@pytest.mark.parametrize(("pool", "count"), [(False, 3), (True, 8)], ids=["stage 1", "stage 2"])
def test_st_resnet_is_the_authors_surgery(pool, count):
    args = {"depths": DEPTHS, "width": WIDTH, "caffe": True}
    streams = [load_backbone("resnet50", CLASSES, channels, 0.0, args) for channels in (3, 20)]
    network = STResNet(*streams, temporal_pool=pool).eval()
    generator = torch.Generator().manual_seed(1)
    frames = draw(2, count, 3, 224, 256, generator=generator)
    flow = draw(2, count, 20, 224, 256, generator=generator)
    theirs = MatConvNet(clips=2, pool=pool)
    expected = theirs(frames, flow)
    theirs.load(network)
    with torch.no_grad():
        appearance, motion = network(frames, flow)
    assert_close((appearance + motion) / 2, expected)
