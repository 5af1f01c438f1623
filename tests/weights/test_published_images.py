"""RCAN, SRGAN and VDSR in their releases' layouts, against networks that are written here by those names."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.superres.networks import load_network
from pipeline.superres.networks.luma import luma
from pipeline.video.resize import imresize
from pipeline.weights.published import load_published

pytestmark = pytest.mark.numeric


def drawn(network: nn.Module, seed: int = 0) -> nn.Module:
    """The network in evaluation mode with weights and statistics that all matter."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, value in network.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.rand(value.shape, generator=generator) - 0.5)
            if key.endswith("running_var"):
                value.add_(1)
    return network.eval()


def assert_close(found: Tensor, expected: Tensor) -> None:
    assert found.shape == expected.shape
    assert float((found - expected).norm() / expected.norm()) < 1e-5


def frames(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(3))


def loaded(network: str, args: dict, content: object, path) -> tuple[nn.Module, str]:
    torch.save(content, path)
    built = load_network(network, args).eval()
    return built, load_published(built, path)


class Shift(nn.Conv2d):
    def __init__(self) -> None:
        super().__init__(3, 3, 1)


class Attention(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.conv_du = nn.Sequential(
            nn.Conv2d(n, n // 4, 1), nn.ReLU(), nn.Conv2d(n // 4, n, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.conv_du(F.adaptive_avg_pool2d(x, 1))


class Residual(nn.Module):
    """An RCAB or a residual group."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + x


def conv(n: int, m: int, k: int = 3, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(n, m, k, padding=k // 2, bias=bias)


class ReleasedRCAN(nn.Module):
    """RCAN as EDSR's descendants write it, on [0, 255]."""

    def __init__(self, n: int = 8, groups: int = 2, blocks: int = 1) -> None:
        super().__init__()
        self.sub_mean, self.add_mean = Shift(), Shift()
        self.head = nn.Sequential(conv(3, n))
        rcab = [Residual(conv(n, n), nn.ReLU(), conv(n, n), Attention(n)) for _ in range(groups * blocks)]
        body = [Residual(*rcab[i * blocks : (i + 1) * blocks], conv(n, n)) for i in range(groups)]
        self.body = nn.Sequential(*body, conv(n, n))
        up = nn.Sequential(conv(n, 4 * n), nn.PixelShuffle(2), conv(n, 4 * n), nn.PixelShuffle(2))
        self.tail = nn.Sequential(up, conv(n, 3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(self.sub_mean(x))
        return self.add_mean(self.tail(self.body(x) + x))


@pytest.mark.parametrize("prefix", ["", "module.", "model."])
def test_rcan(prefix, tmp_path):
    released = drawn(ReleasedRCAN())
    state = {f"{prefix}{key}": value for key, value in released.state_dict().items()}
    args = {"groups": 2, "blocks": 1, "features": 8, "reduction": 4}
    network, _ = loaded("rcan", args, state, tmp_path / "RCAN_BIX4.pt")
    lr = frames(1, 3, 6, 5)
    with torch.no_grad():
        assert_close(network(lr), released(255 * lr) / 255)


class Block(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.conv1, self.bn1, self.prelu = conv(n, n), nn.BatchNorm2d(n), nn.PReLU()
        self.conv2, self.bn2 = conv(n, n), nn.BatchNorm2d(n)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bn2(self.conv2(self.prelu(self.bn1(self.conv1(x)))))


class Upsample(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.conv, self.pixel_shuffle, self.prelu = conv(n, 4 * n), nn.PixelShuffle(2), nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.prelu(self.pixel_shuffle(self.conv(x)))


class Leftthomas(nn.Module):
    """leftthomas's generator: block1, a block for each residual one, the trunk's end, the enlargement."""

    def __init__(self, blocks: int, n: int = 4) -> None:
        super().__init__()
        self.blocks = blocks
        self.block1 = nn.Sequential(conv(3, n, 9), nn.PReLU())
        for index in range(blocks):
            self.add_module(f"block{index + 2}", Block(n))
        self.add_module(f"block{blocks + 2}", nn.Sequential(conv(n, n), nn.BatchNorm2d(n)))
        self.add_module(f"block{blocks + 3}", nn.Sequential(Upsample(n), Upsample(n), conv(n, 3, 9)))

    def forward(self, x: Tensor) -> Tensor:
        first = x = self.block1(x)
        for index in range(2, self.blocks + 3):
            x = getattr(self, f"block{index}")(x)
        return (torch.tanh(getattr(self, f"block{self.blocks + 3}")(first + x)) + 1) / 2


@pytest.mark.parametrize("blocks", [5, 16])
def test_srgan_of_leftthomas(blocks, tmp_path):
    released = drawn(Leftthomas(blocks))
    args = {"blocks": blocks, "features": 4, "bias": True, "output": "tanh"}
    network, _ = loaded("srresnet", args, released.state_dict(), tmp_path / "netG.pth")
    lr = frames(1, 3, 6, 5)
    with torch.no_grad():
        assert_close(network(lr), released(lr))


class Trunk(nn.Module):
    """The 16-block generator with a trunk (Lornatang), before its clamp."""

    def __init__(self, blocks: int, name: str, n: int = 4) -> None:
        super().__init__()

        class Rcb(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.rcb = nn.Sequential(
                    conv(n, n, bias=False),
                    nn.BatchNorm2d(n),
                    nn.PReLU(),
                    conv(n, n, bias=False),
                    nn.BatchNorm2d(n),
                )

            def forward(self, x: Tensor) -> Tensor:
                return self.rcb(x) + x

        class Up(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.upsample_block = nn.Sequential(conv(n, 4 * n), nn.PixelShuffle(2), nn.PReLU())

            def forward(self, x: Tensor) -> Tensor:
                return self.upsample_block(x)

        self.name = name
        self.add_module(f"{name}1", nn.Sequential(conv(3, n, 9), nn.PReLU()))
        self.trunk = nn.Sequential(*(Rcb() for _ in range(blocks)))
        self.add_module(f"{name}2", nn.Sequential(conv(n, n, bias=False), nn.BatchNorm2d(n)))
        self.upsampling = nn.Sequential(Up(), Up())
        self.add_module(f"{name}3", conv(n, 3, 9))

    def forward(self, x: Tensor) -> Tensor:
        first = getattr(self, f"{self.name}1")(x)
        x = first + getattr(self, f"{self.name}2")(self.trunk(first))
        return getattr(self, f"{self.name}3")(self.upsampling(x))


@pytest.mark.parametrize("name", ["conv", "conv_block"])
def test_srgan_with_a_trunk(name, tmp_path):
    released = drawn(Trunk(16, name))
    content = {"epoch": 9, "state_dict": released.state_dict(), "optimizer": {"param_groups": []}}
    network, layout = loaded("srresnet", {"features": 4}, content, tmp_path / "SRGAN_x4.pth.tar")
    assert layout == "SRGAN, trunk"
    lr = frames(1, 3, 6, 5)
    with torch.no_grad():
        assert_close(network(lr), released(lr))


class ConvReLU(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.conv, self.relu = conv(n, n, bias=False), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.conv(x))


class VDSRNet(nn.Module):
    """twtygqyy's network on enlarged luma."""

    def __init__(self, depth: int = 5, n: int = 6) -> None:
        super().__init__()
        self.residual_layer = nn.Sequential(*(ConvReLU(n) for _ in range(depth - 2)))
        self.input, self.output = conv(1, n, bias=False), conv(n, 1, bias=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.output(self.residual_layer(self.relu(self.input(x))))


@pytest.mark.parametrize("kind", ["state dict", "module", "parallel module", "older container"])
def test_vdsr(kind, tmp_path):
    released = drawn(VDSRNet())
    path = tmp_path / "model_epoch_50.pth"
    content = {"epoch": 50, "model": released}
    if kind == "state dict":
        content = released.state_dict()
    elif kind == "parallel module":
        content["model"] = nn.DataParallel(released)
    torch.save(content, path, _use_new_zipfile_serialization=kind != "older container")
    network = load_network("vdsr", {"depth": 5, "features": 6}).eval()
    load_published(network, path)
    lr = (255 * frames(6, 5, 3)).byte().numpy()
    enlarged = torch.from_numpy(imresize(lr, 24, 20)).float().permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        assert_close(network.residual(luma(enlarged)), released(luma(enlarged)) - luma(enlarged))


def test_published_files_load(real_data):
    vdsr = load_network("vdsr", {})
    load_published(vdsr, real_data / "weights" / "vdsr_twtygqyy.pth")
    srgan = load_network("srresnet", {"blocks": 5, "bias": True, "output": "tanh"})
    load_published(srgan, real_data / "weights" / "srgan_x4_dyckia.pth")
    assert next(srgan.parameters()).device.type == "cpu"
