"""Recipes of the defaults and config/paper.yaml: the paper's, or its authors' where it is silent."""

import pytest
import yaml

from pipeline.config import Patches, SRTraining
from pipeline.config.load import load_config


@pytest.fixture(scope="module")
def models(root):
    raw = yaml.safe_load((root / "config/paper.yaml").read_text())
    return load_config(raw, data_must_exist=False).superres.models


def test_defaults():
    assert SRTraining().betas == [0.9, 0.999]
    losses = SRTraining(patches="tosr", losses={"warp": {}, "adversarial": {}}).losses
    assert losses["warp"].outside == "zeros"
    assert not losses["adversarial"].detached_means
    assert losses["pixel"].kind == "mse"
    assert Patches().pair_lr == "patch"
    assert SRTraining(patches="tosr").augmented
    assert not SRTraining(patches="tosr", losses={"warp": {}}).augmented


def test_sosr_is_esrgan_but_for_its_loss_and_ends_at_step_5000(models):
    sosr, esrgan = models["sosr"], models["esrgan"]
    assert (sosr.network, sosr.args, sosr.init) == (esrgan.network, esrgan.args, esrgan.init)
    changed = {"iterations", "milestones", "losses"}
    assert sosr.training.model_dump(exclude=changed) == esrgan.training.model_dump(exclude=changed)
    assert (sosr.training.iterations, sosr.training.milestones) == (5000, [])
    assert sosr.training.betas == [0.9, 0.999]
    ours, theirs = sosr.training.losses, esrgan.training.losses
    assert (ours["feature"], ours["adversarial"]) == (theirs["feature"], theirs["adversarial"])
    assert (ours["pixel"].kind, ours["pixel"].flow_weight) == ("mse", "squared_magnitude")
    assert (ours["pixel"].weight, ours["pixel"].normalise) == (theirs["pixel"].weight, "none")


def test_tosr_trains_its_filters_and_whole_unturned_pairs(models):
    tosr, duf = models["tosr"], models["vsr_duf_16"]
    assert tosr.init == "vsr_duf_16"
    assert tosr.args == duf.args | {"learned_expansion": True}
    training = tosr.training
    assert (training.crop, training.augmented, training.betas) == (None, False, [0.9, 0.999])
    assert (training.lr, training.gamma, training.milestones) == (1e-3, 0.1, [training.iterations // 2])
    assert dict(training.losses["warp"]) == {"loss": "warp", "sr": 1.0, "hr": 1.0, "outside": "zeros"}
    assert training.losses["pixel"].kind == "mse"  # the paper's; Huber is the authors'
