"""Weights that do not fit or cannot be read, and differences that are allowed."""

import pytest
import torch

from pipeline.superres.networks import load_network
from pipeline.weights import WeightsError
from pipeline.weights.formats import read_source
from pipeline.weights.published import load_published


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
    load_published(network, tmp_path / "old.pth")
    lr = torch.rand(1, 3, 6, 5)
    with torch.no_grad():
        assert torch.equal(network(lr), donor(lr))


def test_what_does_not_fit_is_listed_and_nothing_changes(tmp_path):
    network = load_network("vdsr", {"depth": 4, "features": 8})
    before = {key: value.clone() for key, value in network.state_dict().items()}
    state = load_network("vdsr", {"depth": 4, "features": 8}).state_dict()
    del state["input.weight"]
    state["output.weight"] = torch.zeros(1, 6, 3, 3)
    state["output.bias"] = torch.zeros(1)
    torch.save(state, tmp_path / "vdsr.pth")
    with pytest.raises(WeightsError) as error:
        load_published(network, tmp_path / "vdsr.pth")
    message = str(error.value)
    assert "vdsr.pth does not fit VDSR" in message
    assert "1 missing: input.weight" in message
    assert "1 unexpected: output.bias" in message
    assert "1 mis-shaped: output.weight is (1, 6, 3, 3), expected (1, 8, 3, 3)" in message
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_equal_axes_are_never_turned(tmp_path):
    network = load_network("vdsr", {"depth": 2, "features": 8})
    state = {"input.weight": torch.zeros(1, 8, 3, 3), "output.weight": torch.zeros(1, 8, 3, 3)}
    torch.save(state, tmp_path / "turned.pth")
    with pytest.raises(WeightsError, match=r"1 mis-shaped: input\.weight is \(1, 8, 3, 3\)"):
        load_published(network, tmp_path / "turned.pth")


def test_long_lists_are_cut(tmp_path):
    torch.save({"something": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"20 missing: input.weight.* and 8 more; 1 unexpected: something"):
        load_published(load_network("vdsr", {}), tmp_path / "other.pth")


def test_no_file(tmp_path):
    with pytest.raises(WeightsError, match=r"no weights at .*nothing\.pth: put the checkpoint there"):
        read_source(tmp_path / "nothing.pth")


def test_no_checkpoint(tmp_path):
    (tmp_path / "page.pth").write_text("<html>not found</html>")
    with pytest.raises(WeightsError, match=r"cannot read .*page.pth: no known format"):
        read_source(tmp_path / "page.pth")
    (tmp_path / "empty.pth").touch()
    with pytest.raises(WeightsError, match=r"cannot read .*empty.pth: no known format"):
        read_source(tmp_path / "empty.pth")
    torch.save({"epoch": 3}, tmp_path / "epoch.pth")
    with pytest.raises(WeightsError, match=r"holds a dict with keys \['epoch'\]"):
        read_source(tmp_path / "epoch.pth")


@pytest.mark.parametrize("zipped", [True, False])
def test_half_a_file_is_refused(zipped, tmp_path):
    network = load_network("vdsr", {"depth": 4, "features": 8})
    path = tmp_path / "half.pth"
    torch.save(network.state_dict(), path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(WeightsError, match=r"half\.pth"):
        load_published(network, path)
