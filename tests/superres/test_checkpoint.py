"""Checkpoints of trained SR networks."""

import pytest
import torch
from torch import nn

from pipeline.config import SRModel
from pipeline.superres.checkpoint import CheckpointError, load_model, save_network
from pipeline.superres.networks import load_network
from pipeline.weights import WeightsError

VDSR = SRModel(network="vdsr", args={"depth": 3, "features": 8})


@pytest.fixture
def saved(tmp_path):
    network = load_network(VDSR.network, VDSR.args)
    save_network(tmp_path / "vdsr.pt", network, VDSR, {"step": 3, "psnr": 30.5, "name": "vdsr"})
    return network, tmp_path / "vdsr.pt"


def test_round_trip_with_weights_only(saved):
    network, path = saved
    content = torch.load(path, weights_only=True)
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
    with pytest.raises(CheckpointError, match=r"vdsr\.pt holds vdsr"):
        load_model(SRModel(network="rcan"), path)


def test_other_files_go_to_the_importer(tmp_path):
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "plain.pt")
    with pytest.raises(WeightsError, match=r"plain\.pt does not fit VDSR: 3 missing"):
        load_model(VDSR, tmp_path / "plain.pt")
    with pytest.raises(WeightsError, match=r"no weights at .*none\.pt: put the checkpoint there"):
        load_model(VDSR, tmp_path / "none.pt")
