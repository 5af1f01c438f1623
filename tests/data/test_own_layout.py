"""A user's own layout, as in docs/data.md: one file, and an entry in the configuration."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from workflow import Project

from pipeline.config.load import ConfigError, load_config
from pipeline.config.needs import find_needs
from pipeline.data.listing import list_clips
from pipeline.data.request import ListClips
from pipeline.experiment import Experiment
from pipeline.preflight.counts import count_clips
from pipeline.video.frames import write_video

ROWS = ["train run a", "train sit b", "test run c", "test sit d"]


@pytest.fixture
def file(root: Path) -> str:
    """The example file in docs/data.md."""
    return re.search(r"```python\n(.*?)```", (root / "docs/data.md").read_text(), re.S)[1]


@pytest.fixture
def raw(root: Path, file, tmp_path, monkeypatch) -> dict:
    """The micro configuration on clips in the file's layout."""
    (tmp_path / "lines_of_mine.py").write_text(file)
    monkeypatch.syspath_prepend(tmp_path)
    for row in ROWS:
        _, name, clip = row.split()
        write_video(tmp_path / "videos" / name / f"{clip}.avi", np.zeros((3, 48, 64, 3), np.uint8), 25)
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "all.txt").write_text("\n".join(ROWS) + "\n")
    raw = yaml.safe_load((root / "tests/micro/config.yaml").read_text())
    folders = {"root": str(tmp_path / "videos"), "splits": str(tmp_path / "lists")}
    mine = {"layout": "lines_of_mine:Lines", "list": "all.txt", "label": "Mine", **folders}
    yield raw | {"datasets": {"mine": mine}, "tables": {"pairings": None}, "quality": {}}
    sys.modules.pop("lines_of_mine", None)


def test_its_clips_are_listed(raw, tmp_path):
    request = Experiment(load_config(raw)).requests.list_clips("mine")
    assert "lists" not in request.text()  # paths are separate arguments
    files = (tmp_path / name for name in ("m.csv", "left_out.csv", "notes.csv"))
    clips = list_clips(ListClips.read(request.text()), tmp_path / "videos", tmp_path / "lists", *files)
    assert [(clip.id, clip.split, clip.label) for clip in clips] == [
        ("run/a", "train", 0),
        ("sit/b", "train", 1),
        ("run/c", "test", 0),
        ("sit/d", "test", 1),
    ]


def test_preflight_counts_its_clips_and_knows_where_to_get_them(raw, tmp_path):
    config = load_config(raw | {"demo": None, "training_videos": {"root": str(tmp_path / "videos")}})
    output = count_clips(config, "mine").summary
    assert output.startswith("4 video files, 2 train and 2 test clips of 2 classes; about")
    assert "published" not in output
    raw["datasets"]["mine"]["root"] = str(tmp_path / "none")
    config = load_config(raw | {"demo": None}, data_must_exist=False)
    needs = {need.key: need.problem for need in find_needs(config) if need.problem}
    assert needs["datasets.mine.root"].endswith("put there the videos from example.org")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"list": None}, "datasets.mine.list"),
        ({"lists": "all.txt"}, "datasets.mine.lists"),
        ({"layout": "lines_of_mine:Line"}, "lines_of_mine has no Line"),
        ({"layout": "ucf11"}, "no 'ucf11' among annotations, hmdb51, ucf101"),
    ],
)
def test_mistakes_are_reported_before_the_first_job(raw, entry, message):
    raw["datasets"]["mine"] |= entry
    with pytest.raises(ConfigError, match=message):
        load_config(raw)


@pytest.mark.slow
def test_snakemake_makes_its_manifest(raw, file, root, tmp_path):
    project = Project.copy(root, tmp_path / "project")
    (project.folder / "lines_of_mine.py").write_text(file)
    (project.folder / "own.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    project.snakemake("--cores", "1", "--configfile", "own.yaml", "--", "results/data/mine/manifest.csv")
    assert len((project.folder / "results/data/mine/manifest.csv").read_text().splitlines()) == 5
