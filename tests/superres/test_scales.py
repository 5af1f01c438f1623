"""Super-resolution factors: networks at each of theirs, weights of another one, patches and trainings."""

import asking
import numpy as np
import pytest
import torch

from pipeline.config import SRModel, SRTraining
from pipeline.patches.store import PatchWriter
from pipeline.superres.batches import PatchFileError
from pipeline.superres.models import CheckpointError, load_model, save_network
from pipeline.superres.network import ArgumentsError, NetworkError
from pipeline.superres.networks import load_network, network_names
from pipeline.superres.training import train_sr
from pipeline.video.resize import imresize
from tests.networks import SMALL

SCALES = {
    "bicubic": (2, 3, 4, 8),
    "vdsr": (2, 3, 4, 8),
    "rcan": (2, 3, 4, 8),
    "srresnet": (2, 4, 8),
    "rrdb": (2, 4),
    "vsr_duf": (2, 3, 4),
    "spmc": (4,),
    "basicvsr": (4,),
}
EVERY = (2, 3, 4, 8)


@pytest.mark.parametrize("scale", EVERY)
@pytest.mark.parametrize("name", SCALES)
def test_a_network_enlarges_by_its_scales_and_refuses_others(name, scale):
    if scale not in SCALES[name]:
        with pytest.raises(NetworkError, match=rf"{name}.*scale {scale}, only for"):
            load_network(name, SMALL[name], scale)
        return
    network = load_network(name, SMALL[name], scale).eval()
    with torch.no_grad():
        sr = network(torch.rand(1, network.frames, 3, 9, 12))
    assert sr.shape == (1, 3, 9 * scale, 12 * scale)


def test_every_network_says_its_scales():
    # spandrel has layers only with its weights (test_networks_spandrel.py).
    assert set(network_names()) == {*SCALES, "spandrel"}


def test_x4_is_what_it_was():
    """The scale adds no parameter, and draws no random number before the others'."""
    for name in SCALES:
        torch.manual_seed(0)
        plain = load_network(name, SMALL[name])
        torch.manual_seed(0)
        asked = load_network(name, SMALL[name], 4)
        states = [network.state_dict() for network in (plain, asked)]
        assert list(states[0]) == list(states[1])
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_the_scale_is_no_argument():
    with pytest.raises(ArgumentsError, match="scale is the configuration's"):
        load_network("rcan", {"scale": 2}, 4)


@pytest.mark.parametrize("name", ["rcan", "srresnet", "rrdb", "vsr_duf"])
def test_published_x4_weights_are_refused_by_name_at_x2(name, tmp_path):
    path = tmp_path / "released.pth"
    torch.save(load_network(name, SMALL[name], 4).state_dict(), path)
    model = SRModel(network=name, args=SMALL[name])
    load_model(model, path, scale=4)
    with pytest.raises(
        CheckpointError, match=rf"released.pth holds weights of {name} for scale 4, but scale is 2"
    ):
        load_model(model, path, scale=2)


def test_weights_trained_here_say_their_scale(tmp_path):
    """VDSR's have the same shapes at every scale, so only the checkpoint tells."""
    path, model = tmp_path / "m.safetensors", SRModel(network="vdsr", args=SMALL["vdsr"])
    network = load_network("vdsr", model.args, 3)
    save_network(path, network, model, {"scale": 3})
    load_model(model, path, scale=3)
    with pytest.raises(CheckpointError, match=r"for scale 3, but scale is 4.*set scale: 3"):
        load_model(model, path, scale=4)


def patches(path, scale, size=24):
    rng = np.random.default_rng(0)
    with PatchWriter(path, "sosr", size, 1, scale) as writer:
        for part, count in (("train", 6), ("validation", 2)):
            hr = rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8)
            lr, flow = imresize(hr, size // scale, size // scale), np.ones((size, size, 2), np.float16)
            writer.append(
                part,
                [
                    {"hr": high, "lr": low, "flow": flow, "video": "v", "frame": 0, "x": 0, "y": 0}
                    for high, low in zip(hr, lr, strict=True)
                ],
            )
        writer.finish(kind="sosr", size=size, neighbours=1)


@pytest.mark.parametrize("scale", [2, 3])
def test_a_training_at_another_scale(scale, tmp_path):
    patches(tmp_path / "p.h5", scale)
    training = SRTraining(iterations=2, batch_size=2, crop=12, validate_every=1)
    model = SRModel(network="rcan", args=SMALL["rcan"], training=training)
    train_sr(
        *asking.training(model, scale=scale), tmp_path / "p.h5", None, "code", tmp_path / "m.safetensors"
    )
    network = load_model(model, tmp_path / "m.safetensors", scale=scale)
    assert network(torch.rand(1, 3, 5, 6)).shape == (1, 3, 5 * scale, 6 * scale)
    with pytest.raises(PatchFileError, match=f"patches of scale {scale}, but scale is 4"):
        train_sr(*asking.training(model), tmp_path / "p.h5", None, "code", tmp_path / "n.safetensors")
