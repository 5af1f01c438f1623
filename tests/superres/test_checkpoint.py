"""Checkpoints of trained SR networks."""

import pytest
import torch
from torch import nn

from pipeline.config import SRModel
from pipeline.superres.models import CheckpointError, load_model, load_start, save_network
from pipeline.superres.networks import load_network
from pipeline.weights import WeightsError
from pipeline.weights.checkpoint import read_own

VDSR = SRModel(network="vdsr", args={"depth": 3, "features": 8})


@pytest.fixture
def saved(tmp_path):
    network = load_network(VDSR.network, VDSR.args)
    save_network(tmp_path / "vdsr.safetensors", network, VDSR, {"step": 3, "psnr": 30.5, "name": "vdsr"})
    return network, tmp_path / "vdsr.safetensors"


def test_round_trip_with_weights_only(saved):
    network, path = saved
    content = read_own(path)
    assert content["network"] == "vdsr"
    assert content["args"] == VDSR.args
    assert content["metadata"] == {"step": 3, "psnr": 30.5, "name": "vdsr"}
    loaded = load_model(VDSR, path)
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    lr = torch.rand(1, 3, 8, 8)
    assert torch.equal(loaded(lr), network.eval()(lr))


def test_another_architecture_is_refused(saved):
    _, path = saved
    with pytest.raises(CheckpointError, match=r"'depth': 3.*expected vdsr with .*'depth': 4"):
        load_model(SRModel(network="vdsr", args={"depth": 4, "features": 8}), path)
    with pytest.raises(CheckpointError, match=r"vdsr\.safetensors holds vdsr"):
        load_model(SRModel(network="rcan"), path)


DUF = {"depth": 16, "units": 1, "growth": 4, "features": 8, "head": 8}
LEARNED = {"learned_expansion": True}


@pytest.mark.parametrize("published", [False, True])
def test_tosr_starts_from_vsr_duf_with_plain_expansion_filters(tmp_path, published):
    """All weights are those of the fixed filters' network, and so is what it makes, until it is trained."""
    plain, tosr = SRModel(network="vsr_duf", args=DUF), SRModel(network="vsr_duf", args=DUF | LEARNED)
    start, path = load_network("vsr_duf", DUF), tmp_path / "start"
    if published:
        torch.save(start.state_dict(), path)
    else:
        save_network(path, start, plain, {})
    torch.manual_seed(1)
    network = load_network("vsr_duf", tosr.args)
    load_start(network, tosr, path)
    assert all(torch.equal(network.state_dict()[key], value) for key, value in start.state_dict().items())
    lr = torch.rand(1, 7, 3, 6, 5)
    with torch.no_grad():
        torch.testing.assert_close(network.eval()(lr), start.eval()(lr))
    network.train()(lr).sum().backward()
    assert network.dynamic_filter.expansion_filter.grad.abs().sum() > 0


def test_a_start_differs_in_what_it_may_alone(tmp_path):
    args = [DUF, DUF | LEARNED, DUF | {"growth": 2}]
    models = [SRModel(network="vsr_duf", args=each) for each in args]
    networks = [load_network("vsr_duf", each) for each in args]
    for number, (network, model) in enumerate(zip(networks, models, strict=True)):
        save_network(tmp_path / f"{number}.safetensors", network, model, {})
    load_start(networks[1], models[1], tmp_path / "1.safetensors")
    with pytest.raises(CheckpointError, match=r"2\.safetensors holds vsr_duf with .*'growth': 2"):
        load_start(networks[1], models[1], tmp_path / "2.safetensors")
    with pytest.raises(CheckpointError, match=r"1\.safetensors does not fit vsr_duf.*expansion_filter"):
        load_start(networks[0], models[0], tmp_path / "1.safetensors")
    with pytest.raises(CheckpointError, match=r"0\.safetensors holds vsr_duf"):
        load_model(models[1], tmp_path / "0.safetensors")  # whole weights are another matter


def test_other_files_are_read_as_published_ones(tmp_path):
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "plain.pt")
    with pytest.raises(WeightsError, match=r"plain\.pt does not fit VDSR: 3 missing"):
        load_model(VDSR, tmp_path / "plain.pt")
    with pytest.raises(WeightsError, match=r"no weights at .*none\.pt: put the checkpoint there"):
        load_model(VDSR, tmp_path / "none.pt")
