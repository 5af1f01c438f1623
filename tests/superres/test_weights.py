"""Checkpoints in the layouts of the wild, compared by output."""

import pytest
import torch
from torch.nn import functional as F

from pipeline.superres.networks import load_network
from pipeline.superres.weights import WeightsError, load_weights, read_state_dict

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
    load_weights(network, tmp_path / "esrgan.pth")
    lr = torch.rand(1, 3, 6, 5, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(network(lr), run_old_esrgan(state, lr), rtol=1e-5, atol=1e-5)


def test_batch_norm_of_shape_one_by_channels(tmp_path):
    """Tensors [1, C], and no num_batches_tracked, as checkpoints before PyTorch 0.4.1 have them."""
    donor, network = (load_network("srresnet", {"blocks": 1, "features": 4}).eval() for _ in range(2))
    with torch.no_grad():
        donor.block2.bn1.running_mean.uniform_()
    state = {
        key: value[None] if ".bn" in key and value.ndim == 1 else value
        for key, value in donor.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    assert state["block2.bn1.running_mean"].shape == (1, 4)
    torch.save(state, tmp_path / "old.pth")
    load_weights(network, tmp_path / "old.pth")
    lr = torch.rand(1, 3, 6, 5)
    with torch.no_grad():
        assert torch.equal(network(lr), donor(lr))


def test_published_files_load(real_data):
    vdsr = load_network("vdsr", {})
    load_weights(vdsr, real_data / "weights" / "vdsr_twtygqyy.pth")
    srgan = load_network("srresnet", {"blocks": 5, "bias": True, "output": "tanh"})
    load_weights(srgan, real_data / "weights" / "srgan_x4_dyckia.pth")
    assert next(srgan.parameters()).device.type == "cpu"


def test_what_does_not_fit_is_listed_and_nothing_changes(tmp_path):
    network = load_network("vdsr", {"depth": 4, "features": 8})
    before = {key: value.clone() for key, value in network.state_dict().items()}
    state = load_network("vdsr", {"depth": 4, "features": 8}).state_dict()
    del state["input.weight"]
    state["output.weight"] = torch.zeros(1, 6, 3, 3)
    state["output.bias"] = torch.zeros(1)
    torch.save(state, tmp_path / "vdsr.pth")
    with pytest.raises(WeightsError) as error:
        load_weights(network, tmp_path / "vdsr.pth")
    message = str(error.value)
    assert "vdsr.pth does not fit VDSR" in message
    assert "1 missing: input.weight" in message
    assert "1 unexpected: output.bias" in message
    assert "1 mis-shaped: output.weight is (1, 6, 3, 3), expected (1, 8, 3, 3)" in message
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_long_lists_are_cut(tmp_path):
    torch.save({"something": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"20 missing: input.weight.* and 8 more; 1 unexpected: something"):
        load_weights(load_network("vdsr", {}), tmp_path / "other.pth")


def test_no_file(tmp_path):
    with pytest.raises(WeightsError, match=r"no weights at .*nothing\.pth: put the checkpoint there"):
        read_state_dict(tmp_path / "nothing.pth")


class Pickled:
    """A class that a checkpoint may hold instead of tensors."""


def test_code_is_not_run(tmp_path):
    torch.save({"model": Pickled()}, tmp_path / "module.pth")
    with pytest.raises(WeightsError, match="as tensors only"):
        read_state_dict(tmp_path / "module.pth")


def test_no_checkpoint(tmp_path):
    (tmp_path / "page.pth").write_text("<html>not found</html>")
    with pytest.raises(WeightsError, match=r"cannot read .*page.pth"):
        read_state_dict(tmp_path / "page.pth")
    torch.save({"epoch": 3}, tmp_path / "epoch.pth")
    with pytest.raises(WeightsError, match=r"holds a dict with keys \['epoch'\]"):
        read_state_dict(tmp_path / "epoch.pth")
