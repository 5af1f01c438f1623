"""The configuration: what is accepted, what is refused and how the refusal reads."""

import copy
from pathlib import Path

import pytest
import yaml

from pipeline.config import DatasetTraining
from pipeline.config.load import ConfigError, load_config
from tools.config_docs import TARGET, config_markdown


@pytest.fixture
def raw(root: Path) -> dict:
    return yaml.safe_load((root / "config.yaml").read_text())


def changed(raw: dict, key: str, value: object) -> dict:
    """A copy of a configuration with one dotted key set."""
    raw = copy.deepcopy(raw)
    *sections, last = key.split(".")
    section = raw
    for name in sections:
        section = section.setdefault(name, {})
    section[last] = value
    return raw


def message(raw: dict) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(raw)
    return str(caught.value)


def test_demo_is_valid_and_its_data_lie_under_its_output(raw):
    config = load_config(raw | {"output": "elsewhere"})
    assert config.datasets["ucf_demo"].root == Path("elsewhere/demo/ucf_demo/videos")
    assert config.training_videos.root == Path("elsewhere/demo/training_videos")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("flow.tvl1.lamda", 0.1, ["flow.tvl1.lamda", "unknown key"]),
        ("flow.tvl1.tau", "1e-4", ["flow.tvl1.tau", "'1e-4'", "YAML reads 1e-4 as text", "0.0001"]),
        ("flow.tvl1.scale_step", 1.5, ["flow.tvl1.scale_step", "less than 1", "1.5"]),
        ("seed", True, ["seed", "integer", "True"]),
        ("patches.size", 66, ["patches", "66", "multiple of 4"]),
        ("patches.neighbours", 4, ["neighbours", "odd"]),
        ("superres.models.vdsr.network", "vdrs", ["superres.models.vdsr.network", "vdrs", "vdsr"]),
        ("superres.models.sosr.init", "esrgna", ["superres.models.sosr.init", "esrgna", "esrgan"]),
        ("superres.models.rrdb.init", "sosr", ["superres.models.rrdb.init", "leads back"]),
        ("superres.models.vdsr.weights", "no/such.pth", ["superres.models.vdsr", "either"]),
        (
            "superres.feature_network.network",
            "vgg19",
            ["superres.feature_network.weights", "random_features"],
        ),
        (
            "superres.feature_network.weights",
            "no/such.pth",
            ["superres.feature_network.weights", "no/such.pth"],
        ),
        ("patches.spatial_flow", "flownet2", ["flow.flownet2.weights", "tvl1"]),
        ("methods.tosr.model", "tsr", ["methods.tosr.model", "tsr", "tosr"]),
        ("methods.sosr_tosr.spatial", "sosr_tosr", ["methods.sosr_tosr.spatial", "not a row with a model"]),
        ("recognition.recognizers.tsn.crop", 300, ["recognition.recognizers.tsn.crop", "300", "frame_size"]),
        ("recognition.recognizers.tsn.protocol", "i3d", ["recognition.recognizers.tsn", "i3d"]),
        ("recognition.recognizers.tsn.spatial", None, ["recognizers.tsn.spatial", "weights.spatial"]),
        ("recognition.recognizers.tsn.initial_weights", "nopackage:f", ["initial_weights", "pip install"]),
        ("datasets.ucf_demo.split", 4, ["datasets.ucf_demo.split", "4"]),
        (
            "datasets.ucf_demo",
            {"layout": "ucf101", "classes": ["Globe"], "published": "UCF101"},
            ["datasets.ucf_demo", "published", "leave out classes"],
        ),
        ("tables.pairings.joint", ["sosr_tosr"], ["tables.pairings.joint", "'sosr_tosr'", "tosr"]),
        ("demo", None, ["datasets.ucf_demo.root", "UCF101", "training_videos.root"]),
        ("superres.models.tosr.training.patches", "sosr", ["superres.models.tosr", "pairs"]),
        ("superres.models.srgan.training.crop", 32, ["superres.models.srgan", "args.size: 48", "32"]),
        ("compute.precision", "tf32", ["compute.precision: tf32 needs a GPU", "set float32 or bfloat16"]),
        (
            "recognition.recognizers.tsn.spatial.micro_batch",
            5,
            ["recognizers.tsn.spatial.micro_batch: 5 does not divide", "16 clips"],
        ),
        ("compute.devices", 3, ["recognizers.tsn.spatial.batch_size: 16", "3 compute.devices"]),
        ("tables.table1.rows", ["hr", "vdrs"], ["tables.table1.rows", "vdrs", "vdsr"]),
        ("tables.table1.datasets", ["ucf"], ["tables.table1.datasets", "'ucf'", "ucf_demo"]),
        ("tables.figure8.recognizers", ["tns"], ["tables.figure8.recognizers", "'tns'", "tsn"]),
        ("tables.figure8.ratios", [0.5, 0.0], ["tables.figure8.ratios", "rise"]),
        ("tables.figure8.ratios", [0.0, 1.5], ["tables.figure8.ratios", "1.5"]),
        ("tables.table3.rows", [{"label": "A", "model": "tsr"}], ["tables.table3.rows", "'tsr'", "tosr"]),
        ("methods.vdsr_warp", {"model": "rcan"}, ["methods.vdsr_warp", "tables.table3", "rename"]),
        ("report.baseline", "hr", ["report.baseline", "'hr'", "bicubic"]),
        ("quality.datasets", ["ucf"], ["quality.datasets", "'ucf'", "ucf_demo"]),
        ("training_videos.size", [320], ["training_videos.size", "[320]", "by_height", "[320, 240]"]),
        ("training_videos.size", "area", ["training_videos.size", "'area'", "by_height", "[320, 240]"]),
        ("training_videos.listed", "cdvl", ["training_videos.listed", "'cdvl'", "'cdvl134'"]),
        ("quality.channel", "luma", ["quality.channel", "'y' or 'rgb'"]),
    ],
)
def test_mistakes_are_named_with_key_and_remedy(raw, key, value, words):
    text = message(changed(raw, key, value))
    for word in words:
        assert word in text


def test_published_recognizers_cannot_be_trained_on_mixtures(raw, tmp_path):
    (tmp_path / "tsn.pth").touch()
    raw = changed(raw, "recognition.recognizers.tsn.weights", {"spatial": str(tmp_path / "tsn.pth")})
    raw = changed(raw, "recognition.recognizers.tsn.spatial", None)
    assert "recognition.recognizers.tsn.spatial: missing, but tables.figure8" in message(raw)
    load_config(changed(raw, "tables.figure8", None))


def test_all_mistakes_of_a_kind_are_reported_at_once(raw):
    text = message(changed(changed(raw, "sed", 1), "flow.bounds", 2))
    assert "sed: unknown key" in text
    assert "flow.bounds: unknown key" in text


def test_missing_data_paths_are_named(raw, tmp_path):
    raw = changed(changed(raw, "demo", None), "training_videos.root", str(tmp_path))
    for name in ("ucf_demo", "hmdb_demo"):
        raw = changed(raw, f"datasets.{name}.root", "not/there")
        raw = changed(raw, f"datasets.{name}.splits", str(tmp_path))
    text = message(raw)
    assert "datasets.ucf_demo.root: not/there does not exist" in text
    assert "training_videos" not in text


def test_relative_data_paths_start_from_data_root(raw, tmp_path):
    (tmp_path / "weights.pth").touch()
    raw = changed(raw, "superres.models.vdsr", {"network": "vdsr", "weights": "weights.pth"})
    config = load_config(raw | {"data_root": str(tmp_path)})
    assert config.superres.models["vdsr"].weights == tmp_path / "weights.pth"


def test_each_data_set_may_have_its_own_weights(raw, tmp_path):
    for name in ("ucf.pth", "hmdb.pth"):
        (tmp_path / name).touch()
    raw = changed(raw, "recognition.recognizers.tsn.spatial", None) | {"data_root": str(tmp_path)}
    raw = changed(raw, "tables.figure8", None)  # it trains that stream
    key = "recognition.recognizers.tsn.weights"
    config = load_config(changed(raw, key, {"spatial": {"ucf_demo": "ucf.pth", "hmdb_demo": "hmdb.pth"}}))
    recognizer = config.recognition.recognizers["tsn"]
    assert recognizer.weights_for("spatial", "hmdb_demo") == tmp_path / "hmdb.pth"
    assert recognizer.weights_for("temporal", "hmdb_demo") is None
    assert load_config(changed(raw, key, {"spatial": "ucf.pth"})).recognition.recognizers["tsn"].weights_for(
        "spatial", "hmdb_demo"
    ) == (tmp_path / "ucf.pth")
    text = message(changed(raw, key, {"spatial": {"ucf_demo": "ucf.pth"}}))
    assert "tsn.spatial: give either this training or" in text
    text = message(changed(raw, key, {"spatial": {"ucf": "ucf.pth"}}))
    assert "tsn.weights.spatial: 'ucf' is not a data set of this config" in text


def test_weights_of_another_split_are_refused_before_any_job(raw, tmp_path):
    path = tmp_path / "ucf101_split_2_tsn_rgb.caffemodel"
    path.touch()
    raw = changed(raw, "recognition.recognizers.tsn.weights", {"spatial": {"ucf_demo": str(path)}})
    assert "tsn.weights.spatial" in message(raw)
    assert "was trained on split 2 of ucf101" in message(raw)
    assert load_config(changed(raw, "datasets.ucf_demo.split", 2))


def test_a_data_set_may_have_its_own_schedule():
    training = DatasetTraining(iterations=3500, per_dataset={"hmdb51": {"iterations": 2500}})
    assert training.for_dataset("hmdb51").iterations == 2500
    assert training.for_dataset("ucf101").iterations == 3500
    with pytest.raises(ValueError, match="steps"):
        DatasetTraining(iterations=1, per_dataset={"hmdb51": {"steps": 2}})


def test_reference_is_in_step_with_the_model():
    assert TARGET.read_text() == config_markdown(), "run `make docs`"
