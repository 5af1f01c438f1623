"""A user's own table, as in docs/tables.md: one file, and an entry in the configuration."""

import json
import re
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from workflow import Project

from pipeline.config.load import ConfigError, load_config
from pipeline.experiment import Experiment
from pipeline.report.request import Tabulate
from pipeline.report.tabulate import tabulate


@pytest.fixture
def file(root: Path) -> str:
    """The example file in docs/tables.md."""
    return re.search(r"```python\n(.*?)```", (root / "docs/tables.md").read_text(), re.S)[1]


@pytest.fixture
def raw(root: Path, file, tmp_path, monkeypatch) -> dict:
    """The micro configuration with a table of the file."""
    (tmp_path / "counts_of_mine.py").write_text(file)
    monkeypatch.syspath_prepend(tmp_path)
    raw = yaml.safe_load((root / "tests/micro/config.yaml").read_text())
    entry = {"table": "counts_of_mine:Counts", "stream": "spatial", "recognizers": ["tsn"]}
    yield raw | {"tables": {"counts": entry, "pairings": None}}
    sys.modules.pop("counts_of_mine", None)


def test_it_reads_the_scores_of_its_columns(raw):
    experiment = Experiment(load_config(raw))
    assert list(experiment.rows.tables) == ["quality", "significance", "counts"]
    read = experiment.rows.tables["counts"].reads(experiment)
    assert {path.split("/")[3] for path in read} == {"tsn"}
    assert len(read) == 2 * 11


def test_it_is_made_by_the_rule_of_all_tables(raw, write_scores, tmp_path):
    raw["methods"] = {name: raw["methods"][name] for name in ("bicubic", "hr")}
    del raw["datasets"]["hmdb_demo"]
    raw |= {"seed": 7, "quality": {}, "report": {"caption": "Toy."}}
    request = Experiment(load_config(raw)).requests.tabulate("counts")
    values = json.loads(request.text())
    values["datasets"][0]["name"] = "set"
    files = [
        *write_scores("tsn", "bicubic", [0, 1, 2], spatial=[0, 0, 0]),
        *write_scores("tsn", "hr", [0, 1, 2], spatial=[0, 1, 0]),
    ]
    csv, markdown = tmp_path / "counts.csv", tmp_path / "counts.md"
    tabulate(Tabulate.read(json.dumps(values)), files, csv, markdown)
    assert pd.read_csv(csv).values.tolist() == [["Bicubic", 1], ["HR", 2]]
    assert markdown.read_text().startswith("# Counts with seed 7\n\n**Toy.**")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"stream": "joint"}, "tables.counts.stream: 'joint' is neither spatial nor temporal"),
        ({"streem": "spatial"}, "tables.counts.streem"),
        ({"stream": 1}, "tables.counts.stream"),
        ({"recognizers": ["tsm"]}, "tables.counts.recognizers: 'tsm' is not among this config's"),
        ({"table": "counts_of_mine:Count"}, "counts_of_mine has no Count"),
        ({"table": "counts_of_min:Counts"}, "no module counts_of_min"),
        ({"table": "per_clas"}, "no 'per_clas' among ablation, degradations, mixtures, pairings, per_class"),
    ],
)
def test_mistakes_are_reported_before_the_first_job(raw, entry, message):
    raw["tables"]["counts"] |= entry
    with pytest.raises(ConfigError, match=message):
        load_config(raw)


@pytest.mark.slow
def test_snakemake_plans_it(raw, file, root, tmp_path):
    project = Project.copy(root, tmp_path / "project")
    (project.folder / "counts_of_mine.py").write_text(file)
    (project.folder / "own.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    planned = project.planned("--configfile", "own.yaml", "--", "results/tables/counts.csv")
    assert "tabulate table=counts" in planned
    assert not [job for job in planned if "temporal" in job.split() or "st_resnet" in job]
