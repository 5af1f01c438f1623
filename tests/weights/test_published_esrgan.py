"""ESRGAN's layouts, written and run by their own names."""

import pytest
import torch
from torch.nn import functional as F

from pipeline.superres.networks import load_network
from pipeline.weights.published import load_published

pytestmark = pytest.mark.numeric

BLOCKS, FEATURES, GROWTH = 2, 6, 4
RRDB = {"blocks": BLOCKS, "features": FEATURES, "growth": GROWTH}


def old_esrgan(prefix: str = "") -> dict[str, torch.Tensor]:
    """Random weights in ESRGAN's old layout: a sequence, whose second part holds blocks and a convolution."""
    generator = torch.Generator().manual_seed(0)
    state = {}

    def conv(name: str, inputs: int, outputs: int) -> None:
        state[f"{prefix}{name}.weight"] = 0.1 * torch.randn(outputs, inputs, 3, 3, generator=generator)
        state[f"{prefix}{name}.bias"] = 0.1 * torch.randn(outputs, generator=generator)

    conv("model.0", 3, FEATURES)
    for block in range(BLOCKS):
        for dense in (1, 2, 3):
            for index in range(5):
                name = f"model.1.sub.{block}.RDB{dense}.conv{index + 1}.0"
                conv(name, FEATURES + index * GROWTH, GROWTH if index < 4 else FEATURES)
    conv(f"model.1.sub.{BLOCKS}", FEATURES, FEATURES)
    for place in (3, 6, 8):
        conv(f"model.{place}", FEATURES, FEATURES)
    conv("model.10", FEATURES, 3)
    return state


def run_old_esrgan(state: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """The generator as a sequence, by the old layout's own names."""

    def conv(name: str, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)

    first = conv("model.0", x)
    trunk = first
    for block in range(BLOCKS):
        entry = trunk
        for dense in (1, 2, 3):
            seen = trunk
            for index in range(1, 5):
                name = f"model.1.sub.{block}.RDB{dense}.conv{index}.0"
                seen = torch.cat((seen, F.leaky_relu(conv(name, seen), 0.2)), 1)
            trunk = trunk + 0.2 * conv(f"model.1.sub.{block}.RDB{dense}.conv5.0", seen)
        trunk = entry + 0.2 * trunk
    x = first + conv(f"model.1.sub.{BLOCKS}", trunk)
    for place in (3, 6):
        x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        x = F.leaky_relu(conv(f"model.{place}", x), 0.2)
    return conv("model.10", F.leaky_relu(conv("model.8", x), 0.2))


def middle(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """ESRGAN's middle layout, written key by key."""
    names = {"model.0": "conv_first", f"model.1.sub.{BLOCKS}": "trunk_conv", "model.3": "upconv1"}
    names |= {"model.6": "upconv2", "model.8": "HRconv", "model.10": "conv_last"}
    for block in range(BLOCKS):
        for dense in (1, 2, 3):
            for index in range(1, 6):
                old = f"model.1.sub.{block}.RDB{dense}.conv{index}.0"
                names[old] = f"RRDB_trunk.{block}.RDB{dense}.conv{index}"
    return {f"{names[key.rpartition('.')[0]]}.{key.rpartition('.')[2]}": v for key, v in state.items()}


def new(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """ESRGAN's current layout."""
    names = {"RRDB_trunk": "body", "trunk_conv": "conv_body", "upconv1": "conv_up1", "upconv2": "conv_up2"}
    names["HRconv"] = "conv_hr"
    result = {}
    for key, value in middle(state).items():
        first, _, rest = key.partition(".")
        result[f"{names.get(first, first)}.{rest.replace('RDB', 'rdb')}"] = value
    return result


@pytest.mark.parametrize(
    "layout",
    [
        lambda s: s,
        middle,
        new,
        lambda s: {"params": new(s)},
        lambda s: {"params_ema": new(s), "params": {k: v + 1 for k, v in new(s).items()}},
        lambda s: {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in middle(s).items()}},
        lambda s: {"model": {"state_dict": s}},
    ],
    ids=["old", "middle", "new", "params", "params_ema first", "state_dict and module.", "nested"],
)
def test_esrgan_layouts(layout, tmp_path):
    state = old_esrgan()
    torch.save(layout(state), tmp_path / "esrgan.pth")
    network = load_network("rrdb", RRDB).eval()
    load_published(network, tmp_path / "esrgan.pth")
    lr = torch.rand(1, 3, 6, 5, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(network(lr), run_old_esrgan(state, lr), rtol=1e-5, atol=1e-5)
