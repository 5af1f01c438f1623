"""Paths of the configuration: ~ and $VARIABLES everywhere, and names of the output folder."""

import os
from pathlib import Path

import pytest
import yaml

from pipeline.config.load import ConfigError, load_config
from pipeline.config.needs import find_needs
from pipeline.config.paths import PathError, expand, target_problems

KEYS = {
    "data_root": ["data_root"],
    "output": ["output"],
    "training_videos.root": ["training_videos", "root"],
    "datasets.ucf101.root": ["datasets", "ucf101", "root"],
    "datasets.ucf101.splits": ["datasets", "ucf101", "splits"],
    "flow.flownet2.weights": ["flow", "flownet2", "weights"],
    "superres.feature_network.weights": ["superres", "feature_network", "weights"],
    "superres.models.vdsr.weights": ["superres", "models", "vdsr", "weights"],
    "recognition.recognizers.tsn.weights.spatial": [
        "recognition",
        "recognizers",
        "tsn",
        "weights",
        "spatial",
    ],
    "recognition.recognizers.tsn.weights.temporal.ucf101": [
        *["recognition", "recognizers", "tsn", "weights", "temporal", "ucf101"]
    ],
    "recognition.recognizers.tsn.initial_weights": ["recognition", "recognizers", "tsn", "initial_weights"],
}


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DISK", str(tmp_path / "disk"))
    monkeypatch.delenv("NOWHERE", raising=False)
    return tmp_path / "home"


def config_with(root: Path, key: str, value: str) -> dict:
    raw = yaml.safe_load((root / "config/paper.yaml").read_text())
    raw["superres"]["models"]["vdsr"] = {"network": "vdsr", "weights": "vdsr.pth"}
    *sections, last = KEYS[key]
    section = raw
    for name in sections:
        section = section.setdefault(name, {})
    section[last] = value
    return raw


def found(config, key: str) -> Path:
    value = config
    for name in KEYS[key]:
        value = value[name] if isinstance(value, dict) else getattr(value, name)
    return Path(value)


@pytest.mark.parametrize("key", KEYS)
def test_home_and_variables_are_spelt_out_in_every_path(root, home, key):
    for written, meant in (
        ("~/x y", home / "x y"),
        ("$DISK/x", home.parent / "disk" / "x"),
        ("${DISK}x", home.parent / "diskx"),
    ):
        assert found(load_config(config_with(root, key, written), data_must_exist=False), key) == meant


def test_every_path_that_a_run_needs_is_covered(root):
    config = load_config(config_with(root, "output", "out"), data_must_exist=False)
    fields = {key.rsplit(".", 1)[-1] for key in KEYS}
    kinds = {need.key.rsplit(".", 1)[-1] for need in find_needs(config)}
    assert kinds - {"data_root"} <= fields


@pytest.mark.parametrize("key", KEYS)
def test_a_variable_that_is_not_set_is_named_with_its_key(root, home, key):
    with pytest.raises(ConfigError) as caught:
        load_config(config_with(root, key, "$NOWHERE/x"), data_must_exist=False)
    assert f"{key}: '$NOWHERE/x': the environment variable NOWHERE is not set" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [("$", "write $$"), ("a$ b", "write $$"), ("~nobody-at-all/x", "no such user"), ("${EMPTY}/x", "EMPTY")],
)
def test_what_cannot_be_spelt_out_is_refused(monkeypatch, text, words):
    monkeypatch.setenv("EMPTY", "")
    with pytest.raises(PathError) as caught:
        expand(text)
    assert words in str(caught.value)


def test_other_signs_stay_as_they_are(home):
    assert expand("a$$b") == Path("a$b")
    for text in ("/a/~/b", "./~", "a*[1]?", "it's", "{x}", "a b", "%HOME%"):
        assert expand(text) == Path(text)


@pytest.mark.parametrize(("written", "meant"), [(2024, "2024"), ("run*", "run*"), ("a b", "a b")])
def test_names_of_the_output_folder(root, written, meant):
    config = load_config(config_with(root, "output", written), data_must_exist=False)
    assert config.output == Path(meant)


def test_a_date_is_a_name_as_well(root):
    raw = config_with(root, "output", "") | yaml.safe_load("output: 2024-11-25")
    assert load_config(raw, data_must_exist=False).output == Path("2024-11-25")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("out {2}", "output: 'out {2}' has braces, which Snakemake reads as wildcards"),
        (20.5, "found 20.5 (YAML reads it as a number: put it in quotes; on the command line, ./ before"),
        (True, "YAML reads yes, no, on, off as booleans"),
    ],
)
def test_names_that_cannot_be_used_are_refused_before_planning(root, written, words):
    with pytest.raises(ConfigError) as caught:
        load_config(config_with(root, "output", written), data_must_exist=False)
    assert words in str(caught.value)


def test_files_outside_the_output_folder_are_no_targets(tmp_path):
    assert not target_problems(["out/table4.csv", "./out/tables/quality.csv"], Path("out"))
    assert not target_problems([f"{tmp_path}/out/table4.csv"], tmp_path / "out")
    assert not target_problems(["table4.csv"], Path())
    for target, output in (("results/table4.csv", Path("out")), ("out/table4.csv", tmp_path / "out")):
        (problem,) = target_problems([target], output)
        assert target in problem
        assert f"such as {output}{os.sep}table4.csv" in problem
