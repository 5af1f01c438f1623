"""Every SR network and discriminator: by name, size, shapes, state dict, and the sum of its parts."""

import hashlib

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.errors import PipelineError
from pipeline.superres.discriminators import load_discriminator
from pipeline.superres.luma import luma
from pipeline.superres.network import ImageNetwork
from pipeline.superres.networks import load_network, network_names
from pipeline.video.colour import LUMA_OFFSET
from pipeline.video.resize import imresize
from tests.networks import SMALL

pytestmark = pytest.mark.numeric

PUBLISHED = [
    ("bicubic", {}, 0),
    ("vdsr", {}, 664_704),
    ("srresnet", {}, 1_547_350),
    ("rrdb", {}, 16_697_987),
    ("rcan", {}, 15_592_355),
    ("vsr_duf", {"depth": 16}, 1_900_640),
    ("vsr_duf", {"depth": 28}, 2_118_432),
    ("vsr_duf", {}, 5_821_952),
]


def small(name: str, **args) -> nn.Module:
    torch.manual_seed(0)
    return load_network(name, SMALL[name] | args)


def rgb(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("name", "args", "count"), PUBLISHED)
def test_default_sizes_are_the_published_ones(name, args, count):
    with torch.device("meta"):
        network = load_network(name, args)
    assert sum(parameter.numel() for parameter in network.parameters()) == count


@pytest.mark.parametrize("name", SMALL)
def test_shape_and_type(name):
    network = small(name).eval()
    lr = rgb(2, network.frames, 3, 18, 7)  # sides that are no multiple of 4
    with torch.no_grad():
        sr = network(lr)
    assert sr.shape == (2, 3, 72, 28)
    assert sr.dtype == torch.float32
    assert torch.isfinite(sr).all()


@pytest.mark.parametrize("name", [name for name in SMALL if name not in ("vsr_duf", "spmc", "basicvsr")])
def test_image_networks_take_images(name):
    network = small(name).eval()
    assert network.frames == 1
    lr = rgb(2, 3, 8, 9)
    with torch.no_grad():
        torch.testing.assert_close(network(lr), network(lr[:, None]))
    with pytest.raises(ValueError, match=r"expected frames \(B, 3, h, w\)"):
        network(lr[:, None].expand(-1, 3, -1, -1, -1))


@pytest.mark.parametrize(("name", "frames", "padding"), [("vsr_duf", 7, "zero"), ("spmc", 3, "replicate")])
def test_video_networks_declare_what_they_see(name, frames, padding):
    network = small(name)
    assert (network.frames, network.temporal_padding) == (frames, padding)
    with pytest.raises(ValueError, match=rf"expected frames \(B, {frames}, 3, h, w\)"):
        network(rgb(1, frames + 2, 3, 8, 8))


@pytest.mark.parametrize("name", SMALL)
def test_state_dict_round_trip(name, tmp_path):
    first = small(name)
    first.train()
    if name != "bicubic":
        first(rgb(2, first.frames, 3, 8, 8))  # moves batch normalisation's statistics
    torch.save(first.state_dict(), tmp_path / "weights.pth")
    torch.manual_seed(1)
    second = load_network(name, SMALL[name])
    second.load_state_dict(torch.load(tmp_path / "weights.pth", weights_only=True))
    lr = rgb(1, first.frames, 3, 8, 8, seed=1)
    with torch.no_grad():
        assert torch.equal(first.eval()(lr), second.eval()(lr))


@pytest.mark.parametrize("name", [name for name in SMALL if name != "bicubic"])
def test_every_parameter_learns(name):
    network = small(name)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2)))
    network(rgb(2, network.frames, 3, 12, 12)).square().mean().backward()
    # In training a bias before batch normalisation cancels: its gradient is rounding only.
    idle = [key for key, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert idle == []


@pytest.mark.parametrize("name", [name for name in SMALL if name not in ("srresnet",)])
def test_bfloat16_stays_within_a_few_grey_levels(name):
    network = small(name).eval()
    lr = rgb(1, network.frames, 3, 12, 12)
    with torch.no_grad():
        exact = network(lr)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            sr = network(lr)
    assert sr.dtype == torch.float32
    assert (sr - exact).abs().mean() < 4 / 255 * max(1.0, float(exact.abs().mean()))


def test_bicubic_is_imresize():
    frames = np.random.default_rng(0).random((2, 9, 6, 3))
    network = load_network("bicubic", {})
    sr = network(torch.from_numpy(frames).permute(0, 3, 1, 2))
    np.testing.assert_allclose(sr.permute(0, 2, 3, 1).numpy(), imresize(frames, 36, 24), atol=1e-12)
    single = network(torch.from_numpy(frames).float().permute(0, 3, 1, 2))
    torch.testing.assert_close(single.double(), sr, atol=1e-6, rtol=0)


def test_bicubic_frames_have_the_same_bytes_on_every_processor():
    lr = np.random.default_rng(0).integers(0, 256, (4, 3, 60, 80), dtype=np.uint8)
    sr = load_network("bicubic", {})(torch.from_numpy(lr).float().div(255))
    frames = sr.clamp(0, 1).mul(255).round().to(torch.uint8).numpy()
    assert hashlib.sha256(frames.tobytes()).hexdigest()[:16] == "38e40a72a46f1271"


def test_bicubic_seen_in_inference_mode_can_be_trained_through_later():
    from pipeline.superres.networks.bicubic import _matrix

    _matrix.cache_clear()
    network = load_network("bicubic", {})
    with torch.inference_mode():
        network(rgb(1, 3, 5, 5))
    lr = rgb(1, 3, 5, 5).requires_grad_()
    network(lr).sum().backward()
    torch.testing.assert_close(lr.grad.sum(), torch.tensor(3.0 * 20 * 20))  # each HR pixel's weights sum to 1


def test_luma_is_matlabs():
    pixels = torch.tensor([[0.0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 0, 1]]).T[:, None]  # (3, 1, 4)
    expected = torch.tensor([16.0, 235.0, 16 + 65.481, 16 + 24.966]) / 255
    torch.testing.assert_close(luma(pixels)[0, 0], expected)
    assert pytest.approx(16 / 255) == LUMA_OFFSET


@pytest.mark.parametrize("name", ["vdsr", "spmc"])
def test_luma_networks_leave_chroma_bicubic(name):
    """The result equals MATLAB's route: convert, change luma, convert back."""
    network = small(name).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1.5)
    lr = rgb(1, network.frames, 3, 8, 8)
    centre = lr[:, network.frames // 2]
    with torch.no_grad():
        sr, bicubic = network(lr)[0].double(), load_network("bicubic", {})(centre)[0].double()
    matrix = torch.tensor(
        [[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]],
        dtype=torch.float64,
    )
    before = torch.einsum("ij,jhw->ihw", matrix / 255, bicubic)
    after = torch.einsum("ij,jhw->ihw", matrix / 255, sr)
    assert (after[0] - before[0]).abs().max() > 1e-6
    torch.testing.assert_close(after[1:], before[1:], atol=2e-6, rtol=0)


@pytest.mark.parametrize("size", [32, 48, 64, 100])
@pytest.mark.parametrize("name", ["vgg128", "srgan_discriminator"])
def test_discriminators_take_any_patch_size(name, size):
    network = load_discriminator(name, {"size": size, "features": 4})
    assert network(rgb(2, 3, size, size)).shape == (2, 1)
    with pytest.raises(ValueError, match="set the discriminator's size"):
        network(rgb(2, 3, size + 4, size + 4))


def test_discriminators_have_their_published_layers():
    with torch.device("meta"):
        vgg, srgan = load_discriminator("vgg128", {}), load_discriminator("srgan_discriminator", {})
    assert vgg.linear1.in_features == 512 * 4 * 4
    assert srgan.classifier[0].in_features == 512 * 6 * 6
    widths = [(m.out_channels, m.stride[0]) for m in srgan.features if isinstance(m, nn.Conv2d)]
    assert widths == [(64, 1), (64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 2)]


def test_names():
    assert set(network_names()) == {*SMALL, "spandrel"}  # which has the layers of its file


class Outside(ImageNetwork):
    """A network that is no file of the package's."""


def test_a_class_outside_the_package():
    assert isinstance(load_network(f"{__name__}:Outside", {}), Outside)


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("vdsrr", {}, r"no 'vdsrr' among basicvsr, bicubic, rcan"),
        ("torch.nn:Nonsense", {}, "torch.nn has no Nonsense"),
        ("nowhere.to_be:Found", {}, "no module nowhere.to_be"),
        ("vgg128", {}, "no 'vgg128' among basicvsr, bicubic"),
        (
            "torch.nn:Identity",
            {},
            r"Identity does not extend SRNetwork \(pipeline.superres.network\)",
        ),
        ("vdsr", {"layers": 3}, r"args .* do not fit.*'layers'.*VDSR\(depth"),
    ],
)
def test_load_network_says_what_is_wrong(name, args, message):
    with pytest.raises(PipelineError, match=message):
        load_network(name, args)


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("vdsr", {"depth": 1}, "depth is 1"),
        ("srresnet", {"output": "relu"}, "output is 'relu'"),
        ("rcan", {"features": 8}, "reduction is 16"),
        ("vsr_duf", {"depth": 20}, r"depth is 20, but must be one of \[16, 28, 52\]"),
    ],
)
def test_constructors_refuse_the_impossible(name, args, message):
    with pytest.raises(ValueError, match=message):
        load_network(name, args)


@pytest.mark.parametrize(("name", "size"), [("vgg128", 16), ("srgan_discriminator", 8)])
def test_discriminators_refuse_patches_that_are_too_small(name, size):
    with pytest.raises(ValueError, match=f"size is {size}"):
        load_discriminator(name, {"size": size})
