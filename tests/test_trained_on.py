"""What recognisers are trained on: the key ``trained_on``, and the table ``protocols``."""

import copy
from collections import Counter

import pytest
import yaml
from workflow import Project

from pipeline.config.load import ConfigError, load_config
from pipeline.experiment import Experiment
from pipeline.preflight.cost import Estimate
from pipeline.preflight.counts import Clips


@pytest.fixture
def raw(root) -> dict:
    """The micro configuration with one table of all trainings."""
    raw = yaml.safe_load((root / "tests/micro/config.yaml").read_text()) | {"output": "out"}
    raw["tables"] = {"protocols": {"datasets": ["hmdb_demo"], "recognizers": ["tsn"]}}
    return copy.deepcopy(raw)


def experiment(raw: dict) -> Experiment:
    return Experiment(load_config(raw, data_must_exist=False))


FRAMES, FLOW = "out/superres/frames/ucf_demo/{}/train-0.h5", "out/flow/ucf_demo/{}/train-0.h5"
HR = "out/data/ucf_demo/train-0/hr.h5"


@pytest.mark.parametrize(
    ("trained_on", "frames", "flow", "low"),
    [
        ("hr", HR, FLOW.format("hr"), []),
        ("lr", FRAMES.format("bicubic"), FLOW.format("bicubic"), []),
        ("vdsr", FRAMES.format("vdsr"), FLOW.format("vdsr"), []),
        ("sosr_tosr", FRAMES.format("sosr"), FLOW.format("tosr"), []),
        ({"mixture": 0.5}, HR, FLOW.format("hr"), [FRAMES.format("bicubic"), FLOW.format("bicubic")]),
    ],
)
def test_the_training_reads_what_the_key_says(raw, trained_on, frames, flow, low):
    raw["recognition"]["recognizers"]["tsn"]["trained_on"] = trained_on
    raw["tables"]["protocols"] = None
    asked = experiment(raw)
    files, request = asked.files, asked.requests.train_recognizer("ucf_demo", "tsn", "spatial")
    assert files.training_frames("ucf_demo", "tsn") == [frames]
    assert files.training_fields("ucf_demo", "tsn") == [flow]
    assert files.low_frames("ucf_demo", "tsn") + files.low_fields("ucf_demo", "tsn") == low
    assert request.ratio == (0.5 if low else 0.0)
    # The other recogniser, and the files' names, are as ever.
    assert files.training_frames("ucf_demo", "st_resnet") == [HR]
    assert files.recognizer_weights("ucf_demo", "tsn", ["spatial"]) == [
        "out/recognition/ucf_demo/tsn/spatial.safetensors"
    ]


def test_other_clips_are_another_request(raw):
    texts = set()
    for trained_on in ("hr", "lr", "vdsr", "sosr_tosr", {"mixture": 0.5}, {"mixture": 0.25}):
        raw["recognition"]["recognizers"]["tsn"]["trained_on"] = trained_on
        raw["tables"]["protocols"] = None
        texts.add(experiment(raw).requests.train_recognizer("ucf_demo", "tsn", "spatial").text())
    assert len(texts) == 6


def test_the_table_trains_its_recognisers_again(raw):
    asked = experiment(raw)
    assert list(asked.rows.variants) == ["tsn-on-lr", "tsn-on-sosr_tosr"]
    found = asked.rows.tables["protocols"].reads(asked)
    names = [path.removeprefix("out/recognition/hmdb_demo/") for path in found]
    assert names == [
        *(f"tsn/scores/{row}/0.npz" for row in ("bicubic", "sosr", "tosr", "hr")),
        *(f"tsn-on-lr/scores/{row}/0.npz" for row in ("bicubic", "sosr_tosr", "hr")),
        *(f"tsn-on-sosr_tosr/scores/{row}/0.npz" for row in ("bicubic", "sosr_tosr", "hr")),
    ]
    assert asked.rows.scored_streams("tsn-on-lr", "sosr_tosr") == ["spatial", "temporal"]
    [frames] = asked.files.scored_frames("hmdb_demo", "tsn-on-lr", "sosr_tosr", "0")
    assert frames == "out/superres/frames/hmdb_demo/sosr/test-0.h5"


def test_a_joint_network_starts_from_streams_of_the_same_clips(raw):
    raw["tables"]["protocols"]["recognizers"] = ["st_resnet"]
    files = experiment(raw).files
    assert files.start_weights("hmdb_demo", "st_resnet-on-lr", "joint") == [
        f"out/recognition/hmdb_demo/st_resnet-on-lr/{stream}.safetensors"
        for stream in ("spatial", "temporal")
    ]


def test_tables_that_train_again_leave_out_recognisers_that_are_not_trained_on_hr(raw):
    raw["recognition"]["recognizers"]["tsn"]["trained_on"] = "lr"
    raw["tables"] = {"protocols": {}, "figure8": {"ratios": [0.0, 1.0], "rows": ["hr"]}}
    asked = experiment(raw)
    assert {variant.recognizer for variant in asked.rows.variants.values()} == {"st_resnet"}
    for name in ("protocols", "figure8"):
        assert asked.rows.tables[name].columns(asked)[1] == ["st_resnet"]


def test_the_estimate_counts_the_clips_that_are_made_for_training(raw):
    raw["tables"] = {}

    def jobs():
        config = load_config(raw, data_must_exist=False)
        clips = Clips({"train": Counter({9: 4}), "test": Counter({9: 2})}, 100.0, "")
        estimate = Estimate(config, dict.fromkeys(config.datasets, clips), clips)
        return {work.rule: work for work in estimate.work()}

    before = jobs()
    raw["recognition"]["recognizers"]["tsn"]["trained_on"] = "sosr_tosr"
    after = jobs()
    # On both data sets: SoSR's and ToSR's frames, and ToSR's flow beside HR's for ST-ResNet.
    assert after["super_resolve"].jobs - before["super_resolve"].jobs == 2 * 2
    assert after["extract_flow"].jobs - before["extract_flow"].jobs == 2
    assert after["train_recognizer"].jobs == before["train_recognizer"].jobs


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trained_on": "sr"}, r"recognizers\.tsn\.trained_on: 'sr' is not a row of methods"),
        ({"trained_on": {"mixture": 1.5}}, r"recognizers\.tsn\.trained_on"),
        ({"trained_on": {"share": 0.5}}, r"recognizers\.tsn\.trained_on"),
        ({"trained_on": 1}, r"recognizers\.tsn\.trained_on"),
        ({"trained_on": "lr", "baseline": "hr"}, r"report\.baseline: 'hr' .*trained_on trains"),
        ({"table": {"trained_on": ["hr", "sr"]}}, r"protocols\.trained_on: 'sr' is not a row"),
        ({"table": {"rows": ["low"]}}, r"tables\.protocols\.rows: 'low' is not a row of methods"),
        ({"table": {"recognizers": ["tsn"]}, "trained_on": "lr"}, r"protocols\.recognizers: tsn is not"),
    ],
)  # fmt: skip
def test_mistakes_are_reported_before_the_first_job(raw, changes, message):
    raw["tables"]["protocols"] = changes.pop("table", None)
    if baseline := changes.pop("baseline", None):
        raw["report"]["baseline"] = baseline
    raw["recognition"]["recognizers"]["tsn"] |= changes
    with pytest.raises(ConfigError, match=message):
        load_config(raw, data_must_exist=False)


@pytest.mark.slow
def test_snakemake_plans_it(raw, root, tmp_path):
    raw["recognition"]["recognizers"]["st_resnet"]["trained_on"] = "lr"
    project = Project.copy(root, tmp_path / "project")
    (project.folder / "own.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    planned = project.planned("--configfile", "own.yaml", "--", "out/tables/protocols.csv", "out/table4.csv")
    for source in ("bicubic", "tosr"):
        assert f"extract_flow dataset=hmdb_demo shard=0 source={source} split=train" in planned
    assert "super_resolve dataset=hmdb_demo model=sosr shard=0 split=train" in planned
    assert "super_resolve dataset=ucf_demo model=bicubic shard=0 split=train" in planned
    assert "super_resolve dataset=ucf_demo model=sosr shard=0 split=train" not in planned
    for name in ("tsn", "tsn-on-lr", "tsn-on-sosr_tosr", "st_resnet"):
        assert f"train_recognizer dataset=hmdb_demo recognizer={name} stream=spatial" in planned
