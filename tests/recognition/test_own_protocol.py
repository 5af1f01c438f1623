"""A user's own protocol: the example file in docs/protocols.md, and an entry in the configuration."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from workflow import Project

from pipeline.config.load import ConfigError, load_config
from pipeline.data.plan import read_plan
from pipeline.experiment import Experiment
from pipeline.preflight.cost import Estimate
from pipeline.preflight.counts import count_clips, count_videos
from pipeline.preflight.networks import Inspection
from pipeline.recognition.plan import plan_frames
from pipeline.recognition.scoring import score_clips
from pipeline.recognition.training import train_recognizer
from pipeline.report.aggregate import aggregate
from pipeline.report.tabulate import tabulate
from pipeline.weights.checkpoint import read_own

ROWS = ("bicubic", "hr")


@pytest.fixture
def code(root: Path) -> str:
    """The example file in the documentation."""
    _, code = re.findall(r"```python\n(.*?)```", (root / "docs/protocols.md").read_text(), re.DOTALL)
    return code


@pytest.fixture
def raw(root: Path, code, tmp_path, monkeypatch) -> dict:
    """The micro configuration with a recogniser of the file alone, at the toy data's size."""
    (tmp_path / "one_stream.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    raw = yaml.safe_load((root / "tests/micro/config.yaml").read_text())
    mine = {"protocol": "one_stream:OneStream", "label": "One", "network": "bn_inception", "crop": 32}
    mine |= {"args": {"width": 0.125, "blocks": ["3a", "3c"]}}
    mine |= {"rgb": {"iterations": 3, "batch_size": 4, "lr": 0.05}}
    raw["recognition"] = {"frame_size": [40, 32], "recognizers": {"mine": mine}}
    raw["methods"] = {name: raw["methods"][name] for name in ROWS}
    raw["report"] = {"pictured": ["hr"]}
    raw |= {"output": "out", "tables": {}, "quality": {}, "datasets": {"toy": raw["datasets"]["ucf_demo"]}}
    raw["demo"] = None
    raw["datasets"]["toy"] |= {"root": "videos", "splits": "lists"}
    yield raw
    sys.modules.pop("one_stream", None)


def experiment(raw: dict) -> Experiment:
    return Experiment(load_config(raw, data_must_exist=False))


def asked(request):
    """A request as a rule passes it."""
    return type(request).read(request.text())


def test_no_flow_is_read_for_it(raw):
    files, rows = experiment(raw).files, experiment(raw).rows
    assert rows.scored_streams("mine", "hr") == ["rgb"]
    assert files.scored_frames("toy", "mine", "hr", "0") == ["out/data/toy/test-0/hr.h5"]
    assert files.scored_flow("toy", "mine", "hr", "0") == []
    assert files.recognizer_flow("toy", "mine", "hr") == []
    assert files.start_weights("toy", "mine", "rgb") == []
    assert rows.flow_sources == []


def test_its_requests_hold_what_each_stage_reads(raw):
    requests = experiment(raw).requests
    [planned] = asked(requests.plan_frames("toy")).streams
    assert dict(planned) == {"protocol": "one_stream:OneStream", "stream": "rgb", "count_of_frames": 3}
    trained = asked(requests.train_recognizer("toy", "mine", "rgb")).part
    assert (trained.training.iterations, trained.count_of_frames) == (3, 3)
    values = json.loads(requests.train_recognizer("toy", "mine", "rgb").text())
    del values["part"]["count_of_frames"]
    with pytest.raises(ValueError, match=r"missing: part\.count_of_frames"):
        type(requests.train_recognizer("toy", "mine", "rgb")).read(json.dumps(values))


def test_its_code_counts(raw):
    code = experiment(raw).code
    assert "one_stream:OneStream" in code.plan_frames()
    assert "one_stream:OneStream" in code.train_recognizer("toy", "mine", "rgb")
    assert "one_stream:OneStream" in code.score("toy", "mine", "hr")


def test_planning_with_it_loads_no_torch(raw, root, tmp_path):
    command = (
        "import json, sys\n"
        "from pipeline.config.load import load_config\n"
        "from pipeline.experiment import Experiment\n"
        "requests = Experiment(load_config(json.load(sys.stdin), data_must_exist=False)).requests\n"
        "requests.train_recognizer('toy', 'mine', 'rgb').text(), requests.plan_frames('toy').text()\n"
        "sys.exit('torch._C' in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": f"{root}:{tmp_path}"}
    subprocess.run(
        [sys.executable, "-c", command], input=json.dumps(raw), env=environment, text=True, check=True
    )


def test_it_is_inspected_and_estimated(raw):
    config = load_config(raw, data_must_exist=False)
    inspection = Inspection(config)
    inspection.run(devices=False)
    assert inspection.problems == []
    counts = {name: count_clips(config, name) for name in config.datasets}
    work = {work.rule: work for work in Estimate(config, counts, count_videos(config)).work()}
    assert (work["train_recognizer"].jobs, work["score_clips"].jobs) == (1, 2)
    assert "extract_flow" not in work


def test_it_is_planned_trained_scored_and_tabulated(raw, toy, tmp_path):
    requests = experiment(raw).requests
    plan_frames(asked(requests.plan_frames("toy")), toy.manifest, tmp_path / "plan.json")
    planned = read_plan(tmp_path / "plan.json")
    assert {len(plan.frames) for plan in planned.values()} <= {1, 3}
    assert all(plan.fields == [] for plan in planned.values())

    out, training = tmp_path / "rgb.pt", asked(requests.train_recognizer("toy", "mine", "rgb"))
    train_recognizer(training, toy.manifest, [toy.frames["train"]], [], [], "", out)
    metadata = read_own(out)["metadata"]
    assert (metadata["protocol"], metadata["stream"]) == ("one_stream:OneStream", "rgb")

    scores = []
    for row in ROWS:
        scores.append(tmp_path / f"{row}.npz")
        scoring = asked(requests.score_clips("toy", "mine", row, "0"))
        score_clips(scoring, [out], toy.manifest, [toy.frames["test"]], [], scores[-1])
    with np.load(scores[0]) as content:
        assert content["rgb"].shape == (10, 2)
        assert len(np.unique(content["rgb"])) > 2

    csv, markdown, left_out = (tmp_path / name for name in ("table4.csv", "table4.md", "left_out.csv"))
    left_out.write_text("clip,reason\n")
    aggregate(asked(requests.aggregate()), scores, csv, markdown, [toy.manifest], [left_out])
    table = pd.read_csv(csv).set_index("method")
    assert [name for name in table if name.endswith("rgb")] == ["UCF-micro One rgb"]
    assert not [name for name in table if "spatial" in name or "temporal" in name or "fusion" in name]
    assert 0 <= table.loc["HR", "UCF-micro One rgb"] <= 100

    for name in ("pairings", "significance"):
        tabulate(asked(requests.tabulate(name)), scores, tmp_path / f"{name}.csv", tmp_path / f"{name}.md")
    assert pd.read_csv(tmp_path / "pairings.csv").empty  # nothing is fused
    assert set(pd.read_csv(tmp_path / "significance.csv")["stream"]) == {"rgb"}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"protocol": "one_stream:One"}, r"recognizers\.mine: .*one_stream has no One"),
        ({"protocol": "no_stream:OneStream"}, "no module no_stream"),
        ({"protocol": "one"}, "no 'one' among clip, st_resnet, tsn"),
        ({"protocol": "one_stream:Rgb"}, "one_stream:Rgb does not extend Protocol"),
        ({"spatial": {"iterations": 1}}, r"recognizers\.mine\.spatial: unknown key"),
        ({"count_of_frames": "3"}, r"recognizers\.mine\.count_of_frames"),
        ({"rgb": {"iterations": 0}}, r"recognizers\.mine\.rgb\.iterations"),
        ({"rgb": None}, r"recognizers\.mine\.rgb: give either this training or .*mine\.weights\.rgb"),
        ({"weights": {"spatial": "w.pth"}}, r"mine: .*one_stream:OneStream has no stream spatial, only rgb"),
    ],
)
def test_mistakes_are_reported_before_the_first_job(raw, entry, message):
    raw["recognition"]["recognizers"]["mine"] |= entry
    with pytest.raises(ConfigError, match=message):
        load_config(raw, data_must_exist=False)


def test_a_key_that_a_stream_reads_and_the_protocol_lacks_is_reported(raw, code, tmp_path):
    (tmp_path / "one_stream.py").write_text(code.replace("OneStream(Count, Protocol)", "OneStream(Protocol)"))
    with pytest.raises(
        ConfigError, match=r"mine: .*OneStream has no count_of_frames, which its stream rgb reads"
    ):
        load_config(raw, data_must_exist=False)


def test_a_table_of_a_stream_that_it_does_not_have_is_refused(raw):
    raw["tables"] = {"table3": {"stream": "temporal", "rows": [{"label": "A", "model": "vdsr"}]}}
    with pytest.raises(ConfigError, match=r"tables\.table3\.stream: no recogniser of the table has a stream"):
        load_config(raw, data_must_exist=False)


@pytest.mark.slow
def test_snakemake_plans_it(raw, root, code, tmp_path):
    project = Project.copy(root, tmp_path / "project")
    (project.folder / "one_stream.py").write_text(code)
    (project.folder / "own.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    planned = project.planned("--configfile", "own.yaml", "--", "out/table4.csv")
    assert "train_recognizer dataset=toy recognizer=mine stream=rgb" in planned
    assert "score_clips dataset=toy method=hr recognizer=mine shard=0" in planned
    assert not [job for job in planned if job.startswith("extract_flow")]
