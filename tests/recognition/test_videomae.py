"""VideoMAE by the package transformers, from a folder of its published form that a test writes."""

import json
import re
from contextlib import suppress

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from pipeline.config.load import ConfigError, load_config
from pipeline.preflight.networks import Inspection
from pipeline.recognition.models import load_model
from pipeline.recognition.networks import NetworkError, load_clip_backbone
from pipeline.recognition.protocols.clip import Clip
from pipeline.recognition.weights import load_initial
from pipeline.training.torchvision import import_torchvision

ARGS = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
ARGS |= {"patch_size": 8}
KEYS = {"protocol": "clip", "network": "videomae", "args": ARGS, "crop": 16, "frames": 4, "clips": 1}


@pytest.fixture
def transformers():
    with suppress(ModuleNotFoundError):
        import_torchvision()
    return pytest.importorskip("transformers", reason="needs the extra transformers")


@pytest.fixture
def folder(transformers, tmp_path):
    """What save_pretrained writes, with the releases' names of the biases."""
    torch.manual_seed(0)
    config = transformers.VideoMAEConfig(**ARGS, image_size=16, num_frames=4, num_labels=3)
    model = transformers.VideoMAEForVideoClassification(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(tmp_path / "published")
    file = tmp_path / "published" / "model.safetensors"
    short = {"query": "q", "value": "v"}
    released = {
        re.sub(r"(query|value)\.bias", lambda m: f"{short[m[1]]}_bias", key): value
        for key, value in load_file(file).items()
    }
    assert any(key.endswith("q_bias") for key in released)
    save_file(released, file)
    return model, tmp_path / "published"


def test_published_weights_give_the_packages_output(folder):
    model, path = folder
    spec = Clip.model_validate(KEYS | {"weights": {"rgb": path}})
    network = load_model(spec.weights_for("rgb", "any"), spec.scored("rgb"), 3).eval()
    clips = torch.randn(2, 3, 4, 16, 16)
    with torch.inference_mode():
        expected = model(clips.transpose(1, 2)).logits
        torch.testing.assert_close(network(clips), expected)
    assert expected.std() > 0.01


@pytest.mark.parametrize("pretraining", [False, True])
def test_a_training_starts_from_them_with_a_new_classifier(folder, transformers, pretraining):
    model, path = folder
    if pretraining:
        config = transformers.VideoMAEConfig(
            **ARGS, image_size=16, num_frames=4, decoder_hidden_size=8, decoder_num_attention_heads=2,
            decoder_num_hidden_layers=1, decoder_intermediate_size=8,
        )  # fmt: skip
        model = transformers.VideoMAEForPreTraining(config)
        model.save_pretrained(path)
    network = load_clip_backbone("videomae", 5, 4, 16, 0.5, ARGS)
    load_initial(network, str(path))
    assert network.model.classifier.out_features == 5
    found, expected = (each.videomae.encoder.layer[1].output.dense for each in (network.model, model))
    assert torch.equal(found.weight, expected.weight)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, r"weights\.rgb: for toy, of 2 classes: .*it is of 3 classes, expected 2"),
        ({"frames": 2}, r"weights\.rgb: .*config\.json says num_frames 4, but frames is 2; set frames to 4"),
        ({"crop": 8}, r"weights\.rgb: .*config\.json says image_size 16, but crop is 8"),
        (
            {"args": {**ARGS, "num_hidden_layers": 1}},
            r"says num_hidden_layers 2, but args\.num_hidden_layers",
        ),
        ({"frames": 3}, r"mine\.network: network 'videomae' cannot divide 3 frames of 16 pixels"),
        ({"args": {"depth": 2}}, r"mine\.args: network 'videomae' does not take args \['depth'\]"),
        ("config.json", r"weights\.rgb: .*config\.json cannot be read .*; give a folder of VideoMAE's"),
    ],
)
def test_another_folder_is_refused_before_the_first_job(root, folder, keys, message):
    _, path = folder
    if keys == "config.json":
        (path / keys).unlink()
        keys = {}
    config = load_config(raw(root, KEYS | {"weights": {"rgb": str(path)}} | keys), data_must_exist=False)
    inspection = Inspection(config)
    inspection._recognizer("recognition.recognizers.mine", config.recognition.recognizers["mine"])
    assert re.search(message, "\n".join(inspection.problems)), inspection.problems


def raw(root, recognizer: dict) -> dict:
    """The micro configuration with one recogniser on a data set of two classes."""
    raw = yaml.safe_load((root / "tests/micro/config.yaml").read_text())
    data = raw["datasets"]["ucf_demo"] | {"classes": ["Biking", "Diving"], "root": "v", "splits": "l"}
    raw |= {"demo": None, "datasets": {"toy": data}, "tables": {}, "quality": {}}
    return raw | {"recognition": {"frame_size": [40, 32], "recognizers": {"mine": recognizer}}}


def test_a_folder_without_weights_is_refused(root, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({}))
    with pytest.raises(ConfigError, match=r"mine\.weights\.rgb: .* holds no model\.safetensors"):
        load_config(raw(root, KEYS | {"weights": {"rgb": str(tmp_path)}}), data_must_exist=False)
    start = KEYS | {"rgb": {"iterations": 1}, "initial_weights": str(tmp_path)}
    with pytest.raises(ConfigError, match=r"mine\.initial_weights: there is no file .*model\.safetensors"):
        load_config(raw(root, start), data_must_exist=False)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(NetworkError, match=r"needs the package transformers .*recosr\[transformers\]"):
        load_clip_backbone("videomae", 2, 4, 16, 0.0, {})
