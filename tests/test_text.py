"""Captions and labels are plain text: no character has a meaning for Snakemake, the shell or Markdown."""

import json
import re
import shlex
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import yaml
from tabulating import TSN, table_4
from workflow import Project

from pipeline.config import Method
from pipeline.report.rows import Names, markdown_table, write_markdown
from pipeline.report.tables.mixtures import Mixtures

SIGNS = [
    *["{word}", "{}", "{{x}}", "{input.scores}", "{wildcards.method!r:>9}", "}{", "%s", "\\u007b \\n"],
    *[
        "it's",
        '"so"',
        "$HOME",
        "$(id)",
        "$x^2$",
        "`id`",
        "a; b & c",
        "* ? [1] ~",
        "<b>",
        "#",
        "a|b",
        "two\nlines",
    ],
]
TEXT = " ".join(SIGNS)
SHOWN = " ".join(TEXT.split())
"""The same in one line, as tables show it."""


@pytest.fixture
def config(root) -> dict:
    raw = yaml.safe_load((root / "tests/micro/config.yaml").read_text())
    raw["datasets"] = {"ucf_demo": {"layout": "ucf101", "label": f"set {TEXT}"}}
    raw["recognition"]["recognizers"] = {
        "tsn": raw["recognition"]["recognizers"]["tsn"] | {"label": f"net {TEXT}"}
    }
    raw["methods"] = {n: {"label": f"{n} {TEXT}", "model": n} for n in ("bicubic", "vdsr", "hr")}
    raw["report"] = {"caption": f"Demo {TEXT}", "pictured": ["hr"]}
    raw["tables"] = {"table1": {"rows": ["hr", "bicubic", "vdsr"]}, "pairings": {"joint": []}}
    raw.pop("quality")
    return raw


def scores(folder: Path, methods: list[str]) -> None:
    """Score files of a run that has come to its tables."""
    labels = np.arange(16) % 2
    for number, method in enumerate(methods):
        path = folder / f"recognition/ucf_demo/tsn/scores/{method}/0.npz"
        path.parent.mkdir(parents=True)
        right = np.where(np.arange(16) < 4 + 6 * number, labels, 1 - labels)
        streams = {stream: np.eye(2, dtype=np.float32)[right] for stream in ("spatial", "temporal")}
        clips = np.array([f"{'ab'[label]}/{n}" for n, label in enumerate(labels)])
        about = {"dataset": "ucf_demo", "recognizer": "tsn", "method": method}
        np.savez(path, **about, clips=clips, labels=labels, **streams)


@pytest.mark.slow
def test_tables_show_them_as_they_are_written(root, config, tmp_path):
    project = Project.copy(root, tmp_path / "project")
    (project.folder / "c.yaml").write_text(yaml.safe_dump(config))
    scores(project.folder / "out", list(config["methods"]))
    names = ["table4", "tables/table1", "tables/significance", "tables/pairings"]
    options = ["--cores", "2", "--configfile", "c.yaml", "--config", "output=out"]
    targets = [f"out/{name}.csv" for name in names]
    project.snakemake(*options, "--rerun-triggers", "mtime", "--", *targets)
    for name in names:
        markdown = (project.folder / f"out/{name}.md").read_text()
        assert f"**Demo {SHOWN}**" in markdown
        assert f"set {SHOWN}, net {SHOWN}" in markdown
    table = pd.read_csv(project.folder / "out/table4.csv")
    assert set(table["method"]) == {f"{name} {SHOWN}" for name in config["methods"]}
    assert f"set {SHOWN} net {SHOWN} spatial" in table


@pytest.mark.slow
def test_every_jobs_command_hands_them_on(root, config, tmp_path):
    """Whatever stage reads a text: what the shell would hand it is the text of the configuration."""
    project = Project.copy(root, tmp_path / "project")
    config["datasets"]["ucf_demo"]["classes"] = [TEXT]
    (project.folder / "c.yaml").write_text(yaml.safe_dump(config))
    planned = project.snakemake(
        "--dry-run", "--printshellcmds", "--configfile", "c.yaml", "--", "tables", "figures"
    )
    commands = re.split(r"^\S.*?python -m pipeline |^ *python -m pipeline ", planned.stdout, flags=re.M)[1:]
    assert len(commands) > 20
    found = set()
    for command in commands:
        words = shlex.split(command.split(" 2> ")[0])
        for value in words:
            if "word" in value:
                found |= {words[0], *texts(json.loads(value))}
    expected = {f"Demo {TEXT}", f"set {TEXT}", f"net {TEXT}", f"hr {TEXT}", TEXT}
    stages = {"list-clips", "aggregate", "tabulate", "draw-comparison"}
    assert expected | stages <= found


def texts(value) -> set[str]:
    """All texts in a JSON value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return set().union(*map(texts, value))
    return {value} if isinstance(value, str) else set()


def test_no_sign_breaks_a_table():
    table = pd.DataFrame({"a|b": ["x|y", "1\n2"]}, index=["p|q", "r"])
    lines = markdown_table(table).splitlines()
    assert len(lines) == 4
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {3}
    assert "x\\|y" in lines[2]
    assert "1 2" in lines[3]


def test_a_caption_of_several_lines_is_one_sentence(tmp_path):
    write_markdown(tmp_path / "t.md", "T", "one\n\ntwo\n", ["rest"])
    assert (tmp_path / "t.md").read_text() == "# T\n\n**one two**\n\nrest\n"
    write_markdown(tmp_path / "t.md", "T", " \n", ["rest"])
    assert (tmp_path / "t.md").read_text() == "# T\n\nrest\n"


def test_names_are_one_line():
    request = table_4({"a": Method(label=TEXT, model="a")}, TSN.model_copy(update={"label": TEXT}))
    assert Names(request).methods == {"a": SHOWN}
    assert Names(request).column("set", "tsn", "spatial") == f"Set {SHOWN} spatial"


@pytest.mark.parametrize("text", ["$HOME and $PATH", "$\\frac{", "a_$x^$"])
def test_figures_draw_dollar_signs(tmp_path, text):
    cells = [
        {"dataset": text, "recognizer": text, "stream": stream, "row": text, "ratio": r}
        | {"top1": 50.0, "low": 40.0, "high": 60.0}
        for stream in ("spatial", "temporal", "fusion")
        for r in (0.0, 1.0)
    ]
    Mixtures(table="mixtures").draw(pd.DataFrame(cells), tmp_path / "f.png")
    assert plt.imread(tmp_path / "f.png").ndim == 3
