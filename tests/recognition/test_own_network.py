"""A user's own network: the example file in docs/protocols.md, and mistakes in one."""

import re
import sys

import numpy as np
import pytest
import recognising

from pipeline.config.load import ConfigError, load_config
from pipeline.preflight.networks import Inspection
from pipeline.recognition.protocols.clip import Clip
from pipeline.recognition.protocols.tsn import TSN
from pipeline.recognition.scoring import score_clips
from pipeline.recognition.training import train_recognizer

SMALL = {"protocol": "clip", "network": "my_network:Small", "args": {"width": 4}}
KEYS = {"crop": 24, "frames": 4, "stride": 1, "clips": 2, "rgb": {"iterations": 3, "batch_size": 4}}


@pytest.fixture
def code(root) -> str:
    """The example file in the documentation."""
    code, _ = re.findall(r"```python\n(.*?)```", (root / "docs/protocols.md").read_text(), re.DOTALL)
    return code


@pytest.fixture
def put(code, tmp_path, monkeypatch):
    """Write the file, with changes."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(old: str = "", new: str = "") -> None:
        assert old in code
        (tmp_path / "my_network.py").write_text(code.replace(old, new) if old else code)

    yield write
    sys.modules.pop("my_network", None)


def test_the_example_is_trained_and_scored(put, toy, tmp_path):
    put()
    spec = Clip.model_validate(SMALL | KEYS)
    out, scores = tmp_path / "rgb.safetensors", tmp_path / "scores.npz"
    training = recognising.training(spec, "rgb", toy.frame_size)
    train_recognizer(training, toy.manifest, [toy.frames["train"]], [], [], "", out)
    scoring = recognising.scoring(spec, ["rgb"], toy.frame_size)
    score_clips(scoring, [out], toy.manifest, [toy.frames["test"]], [], scores)
    with np.load(scores) as content:
        assert len(np.unique(content["rgb"])) > 2


def problems(raw, recognizer) -> list[str]:
    raw["recognition"] = {"frame_size": [40, 32], "recognizers": {"mine": recognizer}}
    raw["tables"] = {}
    config = load_config(raw, data_must_exist=False)
    inspection = Inspection(config)
    inspection._recognizer("recognition.recognizers.mine", config.recognition.recognizers["mine"])
    return inspection.problems


@pytest.fixture
def raw(root) -> dict:
    import yaml

    return yaml.safe_load((root / "tests/micro/config.yaml").read_text())


def test_the_example_passes_its_checks(raw, put):
    put()
    assert problems(raw, SMALL | KEYS) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "classes, frames, side, dropout, width",
            "classes, dropout, width",
            "must take classes, frames, side",
        ),
        ("classes, frames, side, dropout, width=8", "classes, frames, side, dropout, depth", "not take args"),
        ("IMAGENET, ClipBackbone", "IMAGENET, Backbone as ClipBackbone", "sees single images, but the proto"),
        ("class Small(ClipBackbone)", "class Small(nn.Module)", "Small does not extend Backbone"),
        ("class Small", "class Smaller", "my_network has no Small"),
        ('    classifier = "fc"\n', "", "is not a backbone: Small has no classifier"),
        ("nn.Conv3d(3, width, 3,", "nn.Conv3d(4, width, 3,", "does not accept input"),
        ("nn.Linear(2 * width, classes)", "nn.Linear(2 * width, 7)", r"gives \[\(1, 7\)\]"),
        ("from torch import nn", "from torch import nothing", "its module cannot be imported"),
    ],
)
def test_mistakes_are_reported_before_the_first_job(raw, put, old, new, message):
    put(old, new)
    [problem] = problems(raw, SMALL | KEYS)
    assert problem.startswith("recognition.recognizers.mine.")
    assert re.search(message, problem)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"network": "my_networks:Small"}, r"mine\.network: no module my_networks"),
        ({"frames": 0}, r"recognizers\.mine\.frames"),
        ({"stride": 0}, r"recognizers\.mine\.stride"),
        ({"stride": -2}, r"recognizers\.mine\.stride"),
        ({"crop": 33}, r"mine\.crop: 33 does not fit into recognition\.frame_size"),
        ({"spatial": {"iterations": 1}}, r"mine\.spatial: unknown key"),
        ({"weights": {"spatial": "w"}}, "clip has no stream spatial, only rgb"),
    ],
)
def test_wrong_keys_are_reported_before_the_first_job(raw, put, keys, message):
    put()
    with pytest.raises(ConfigError, match=message):
        problems(raw, SMALL | KEYS | keys)


def test_images_and_clips_are_not_mixed_up(raw):
    training = {"iterations": 1}
    tsn = {"protocol": "tsn", "network": "r2plus1d_18", "crop": 32, "spatial": training, "temporal": training}
    TSN.model_validate(tsn)
    [problem] = problems(raw, tsn)
    assert "mine.network: network 'r2plus1d_18' sees clips" in problem
    [problem] = problems(raw, {"protocol": "clip", "network": "resnet50", **KEYS})
    assert "mine.network: network 'resnet50' sees single images" in problem


def test_weights_of_another_number_of_classes(raw, tmp_path):
    from safetensors.torch import save_file

    from pipeline.recognition.networks import load_clip_backbone

    args = {"width": 8, "blocks": [1]}
    save_file(
        load_clip_backbone("r2plus1d_18", 400, 4, 24, 0.0, args).state_dict(), tmp_path / "w.safetensors"
    )
    raw["demo"] = None
    data = raw["datasets"]["ucf_demo"] | {"classes": ["Biking", "Diving"], "root": "v", "splits": "l"}
    raw["datasets"] = {"toy": data}
    raw["quality"] = {}
    recognizer = {"protocol": "clip", "args": args, "weights": {"rgb": str(tmp_path / "w.safetensors")}}
    [problem] = problems(raw, recognizer | {"crop": 24, "frames": 4})
    assert problem.startswith("recognition.recognizers.mine.weights.rgb: for toy, of 2 classes: ")
    assert "400 classes" in problem
