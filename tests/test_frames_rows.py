"""Rows whose frames another tool made: their configuration, their place in the graph, export and import."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from workflow import Project

from pipeline.config.load import ConfigError, load_config
from pipeline.content import Contents
from pipeline.data.made import read_made
from pipeline.data.manifest import Clip, read_manifest, write_manifest
from pipeline.experiment import Experiment
from pipeline.experiment.given import GivenContent
from pipeline.export_lr import export_lr, without_frames, write_pictures
from pipeline.preflight.cost import Estimate
from pipeline.preflight.counts import count_clips, count_videos
from pipeline.preflight.frames import frames_problems
from pipeline.superres.imported import check_frames
from pipeline.superres.networks import load_network
from pipeline.superres.request import CheckFrames
from pipeline.video.frames import read_frames, write_video
from pipeline.video.pictures import decode_pictures
from pipeline.video.store import ShardReader, ShardWriter

LOSSLESS = {"vcodec": "ffv1", "pix_fmt": "bgr0"}


@pytest.fixture
def raw(root, tmp_path) -> dict:
    """The micro experiment with one data set, a model, and two rows of other tools."""
    raw = yaml.safe_load((root / "tests/micro/config.yaml").read_text())
    raw = json.loads(json.dumps(raw))
    raw["datasets"] = {"ucf_demo": raw["datasets"]["ucf_demo"]}
    raw["demo"] |= {"train_clips": 2, "test_clips": 1}
    raw["superres"]["models"] = {"bicubic": {"network": "bicubic"}}
    recognizers = raw["recognition"]["recognizers"]
    raw["recognition"]["recognizers"] = {"tsn": recognizers["tsn"]}
    for stream in ("spatial", "temporal"):
        recognizers["tsn"][stream] |= {"iterations": 2, "batch_size": 4, "milestones": []}
    for key in ("tables", "quality"):
        raw.pop(key)
    for name in ("mine", "theirs"):
        (tmp_path / name).mkdir()
    raw["methods"] = {
        "bicubic": {"label": "Bicubic", "model": "bicubic"},
        "mine": {"label": "Mine", "frames": str(tmp_path / "mine")},
        "theirs": {"frames": str(tmp_path / "theirs")},
        "both": {"spatial": "mine", "temporal": "bicubic"},
        "hr": {"label": "HR", "model": "hr"},
    }
    raw["report"] = {"caption": "Demo", "pictured": ["bicubic", "mine"]}
    return raw | {"output": str(tmp_path / "out")}


def refusal(raw: dict) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(raw)
    return str(caught.value)


def test_a_row_with_frames_is_a_source_like_a_model(raw, tmp_path):
    config = load_config(raw)
    rows = Experiment(config).rows
    assert rows.imported == {"mine": tmp_path / "mine", "theirs": tmp_path / "theirs"}
    assert rows.super_resolved == ["bicubic"]
    assert rows.sources == ["bicubic", "mine", "theirs", "hr"]
    assert rows.flow_sources == ["bicubic", "mine", "theirs", "hr"]
    assert (rows.source("both", "spatial"), rows.source("both", "temporal")) == ("mine", "bicubic")
    assert list(rows.measured) == ["bicubic", "mine", "theirs"]
    assert load_config(json.loads(config.model_dump_json())) == config


def test_where_a_folder_lies_changes_no_table(raw, tmp_path):
    before = Experiment(load_config(raw)).requests.aggregate().text()
    (tmp_path / "mine").rename(tmp_path / "moved")
    raw["methods"]["mine"]["frames"] = str(tmp_path / "moved")
    assert Experiment(load_config(raw)).requests.aggregate().text() == before
    assert "moved" not in before


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("mine", {"frames": "no/such"}, ["methods.mine.frames: no/such does not exist", "export-lr"]),
        ("mine", {"frames": ".", "model": "bicubic"}, ["methods.mine.frames", "'bicubic'", "one of the two"]),
        (
            "mine",
            {"frames": ".", "spatial": "hr", "temporal": "hr"},
            ["methods.mine", "either model, or frames"],
        ),
        ("mine", {"frames": ""}, ["methods.mine", "give either model, or frames"]),
        ("bicubic", {"frames": "."}, ["methods.bicubic.frames", "superres.models has a bicubic", "rename"]),
        ("hr", {"frames": "."}, ["methods.hr.frames", "original frames", "rename"]),
        ("mine", {"frames": "README.md"}, ["methods.mine.frames", "is no folder"]),
    ],
)
def test_wrong_rows_are_refused_in_one_line(raw, key, value, words, root, monkeypatch):
    monkeypatch.chdir(root)
    raw["methods"][key] = value
    with pytest.raises(ConfigError) as caught:
        load_config(raw, inspect=frames_problems)
    lines = [line for line in str(caught.value).splitlines() if line.startswith(f"  methods.{key}")]
    assert len(lines) == 1
    for word in words:
        assert word in lines[0]


def test_a_training_cannot_start_from_frames(raw):
    raw["superres"]["models"]["vdsr"] = {"network": "vdsr", "init": "mine", "training": {"iterations": 1}}
    line = refusal(raw).splitlines()[1]
    assert line.strip().startswith("superres.models.vdsr.init: 'mine' is a row with frames")


@pytest.mark.parametrize("single", [True, False])
def test_preflight_names_missing_clips_and_lacking_pictures_of_a_listed_data_set(raw, tmp_path, single):
    if not single:
        raw["datasets"]["hmdb_demo"] = {"layout": "hmdb51"}
        (tmp_path / "theirs/hmdb_demo").mkdir()
        (tmp_path / "theirs/ucf_demo").mkdir()
        (tmp_path / "mine/ucf_demo").mkdir()
    clips = [Clip(f"Run/{n}", "v", "Run", 0, "test", 3, 8, 8, 0) for n in "abc"]
    path = tmp_path / "out/data/ucf_demo/manifest.csv"
    path.parent.mkdir(parents=True)
    write_manifest(path, [*clips, Clip("Run/t", "v", "Run", 0, "train", 3, 8, 8, 0)])
    folder = tmp_path / ("mine" if single else "mine/ucf_demo")
    write_pictures(folder / "Run/a", np.zeros((3, 8, 8, 3), np.uint8))
    write_pictures(folder / "Run/b", np.zeros((2, 8, 8, 3), np.uint8))
    raw["methods"].pop("theirs")
    expected = [
        "methods.mine.frames: ucf_demo: Run/c: no such video or folder of pictures",
        f"methods.mine.frames: ucf_demo: {folder}/Run/b: 2 frames, expected 3",
    ]
    if not single:
        lies = f"; clips of hmdb_demo lie in {tmp_path}/mine/hmdb_demo/CLIP"
        expected.append(f"methods.mine.frames: {tmp_path}/mine/hmdb_demo is no folder{lies}")
    assert list(frames_problems(load_config(raw))) == expected


def test_frames_count_by_content(raw, tmp_path):
    files = Experiment(load_config(raw)).files
    write_pictures(tmp_path / "mine/Run/a", np.zeros((3, 8, 8, 3), np.uint8))

    def content() -> str:
        given = GivenContent(files, Contents(tmp_path / "memory.json"), planning=False)
        return given.imported("ucf_demo", "mine")

    before = content()
    picture = tmp_path / "mine/Run/a/000001.png"
    os.utime(picture, (1, 1))
    assert content() == before
    shutil.copy(picture, tmp_path / "mine/Run/a/000003.png")
    after = content()
    assert after != before
    write_pictures(tmp_path / "mine/Run/a", np.ones((4, 8, 8, 3), np.uint8))
    assert content() not in (before, after)


def test_the_estimate_counts_them(raw):
    config = load_config(raw)
    clips = {"ucf_demo": count_clips(config, "ucf_demo")}
    work = {w.rule: w for w in Estimate(config, clips, count_videos(config)).work()}
    assert work["check_frames"].jobs == work["import_frames"].jobs == 2
    assert work["super_resolve"].jobs == 1


def test_the_export_needs_no_frames(raw):
    left = without_frames(raw)
    assert list(left["methods"]) == ["bicubic", "hr"]
    assert "pictured" not in left["report"]
    load_config(left)


def bicubic(frames: np.ndarray) -> np.ndarray:
    """Frames (t, h, w, 3) enlarged as the model `bicubic` does: a tool whose result is known."""
    low = torch.from_numpy(frames).permute(0, 3, 1, 2).float().div(255)
    high = load_network("bicubic", {})(low).clamp(0, 1).mul(255).round().to(torch.uint8)
    return high.permute(0, 2, 3, 1).numpy()


def use_the_pages_tool(root: Path, folder: Path) -> None:
    """Run the tool of docs/own-sr.md, in a folder of its own, on the exported pictures."""
    page = (root / "docs/own-sr.md").read_text()
    (tool,) = re.findall(r"```python\n# enlarge.py\n(.*?)```", page, re.DOTALL)
    work = folder / "work"
    work.mkdir()
    (work / "lr").symlink_to(folder / "png")
    subprocess.run([sys.executable, "-c", tool], cwd=work, check=True)
    (folder / "theirs").rmdir()
    (work / "sr").rename(folder / "theirs")


@pytest.mark.parametrize("number", range(3))
def test_the_pages_entries_are_a_configuration(raw, root, tmp_path, number):
    page = (root / "docs/own-sr.md").read_text()
    entries = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    assert len(entries) == 3
    raw["superres"]["models"] |= entries[number].get("superres", {}).get("models", {})
    raw["methods"] |= entries[number].get("methods", {})
    rows = Experiment(load_config(raw | {"data_root": str(tmp_path)}, data_must_exist=False)).rows
    assert set(entries[number].get("methods", {})) <= set(rows.sources)


@pytest.mark.parametrize("form", ["video", "png"])
def test_exported_clips_are_the_stores_frames_and_their_tools_fit(raw, root, tmp_path, monkeypatch, form):
    """Without Snakemake: LR stores of two shards, the export, the tool of docs/own-sr.md, the check."""
    raw["datasets"]["ucf_demo"]["shards"] = {"test": 2}
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(raw))
    files = Experiment(load_config(raw)).files
    clips = [Clip(f"Run/{name}", "v", "Run", 0, "test", 3, 16, 24, n) for n, name in enumerate("ab")]
    manifest = tmp_path / "out/data/ucf_demo/manifest.csv"
    frames = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 6, 3), dtype=np.uint8)
    for clip, low in zip(clips, frames, strict=True):
        with ShardWriter(files.low("ucf_demo", "", "test", clip.shard)) as store:
            store.add(clip.id, low)
    write_manifest(manifest, clips)
    asked = []
    monkeypatch.setattr("pipeline.export_lr._prepare", lambda raw, *_: asked.append(raw))
    export_lr(config, tmp_path / "png", form)
    assert [list(raw["methods"]) for raw in asked] == [["bicubic", "hr"]]
    with (tmp_path / "png/clips.csv").open() as file:
        rows = list(csv.DictReader(file))
    sizes = {"frames": "3", "lr_width": "6", "lr_height": "4", "hr_width": "24", "hr_height": "16"}
    assert [row["clip"] for row in rows] == ["Run/a", "Run/b"]
    for row, low in zip(rows, frames, strict=True):
        assert row.items() >= (sizes | {"dataset": "ucf_demo"}).items()
        assert np.array_equal(np.stack(list(read_made(tmp_path / "png" / row["file"]))), low)
    if form == "png":
        use_the_pages_tool(root, tmp_path)
        request = CheckFrames(dataset="ucf_demo", row="theirs", split="test")
        check_frames(request, tmp_path / "theirs/ucf_demo", manifest, tmp_path / "checked.csv")
        assert [clip.id for clip in read_manifest(tmp_path / "checked.csv")] == ["Run/a", "Run/b"]


@pytest.mark.slow
def test_export_a_tool_and_a_row(raw, root, tmp_path, monkeypatch):
    """Two tools from the exported clips: one row equals the model's, both reach the table unchanged."""
    project = Project.copy(root, tmp_path / "project")
    monkeypatch.chdir(project.folder)
    raw["tables"] = {"quality": {}}
    raw["report"]["pictured"] = ["bicubic", "hr"]
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(raw, sort_keys=False))
    export_lr(config, tmp_path / "lr")
    export_lr(config, tmp_path / "png", "png")
    with (tmp_path / "lr/clips.csv").open() as file:
        clips = list(csv.DictReader(file))
    with ShardReader(tmp_path / "out/data/ucf_demo/test-0/lr.h5") as store:
        assert sorted(clip["clip"] for clip in clips) == store.clips
        for clip in clips:
            frames = np.stack(list(read_frames(tmp_path / "lr" / clip["file"])))
            expected = store.read(clip["clip"], range(int(clip["frames"])))
            assert np.array_equal(frames, expected)
            pictures = decode_pictures(tmp_path / "png/ucf_demo" / clip["clip"])
            assert np.array_equal(np.stack(list(pictures)), expected)
            assert frames.shape[1:3] == (int(clip["lr_height"]), int(clip["lr_width"]))
            size = int(clip["hr_width"]), int(clip["hr_height"])
            target = tmp_path / "mine" / f"{clip['clip']}.mkv"
            target.parent.mkdir(parents=True, exist_ok=True)
            assert size == (4 * frames.shape[2], 4 * frames.shape[1])
            write_video(target, bicubic(frames), 25, **LOSSLESS)
    use_the_pages_tool(root, tmp_path)
    out = tmp_path / "out"
    quality = out / "tables/quality.csv"
    project.snakemake("--cores", "1", "--configfile", str(config), "--", f"{out}/table4.csv", str(quality))
    stores = {row: out / f"superres/frames/ucf_demo/{row}/test-0.h5" for row in ("bicubic", "mine", "theirs")}
    with (
        ShardReader(stores["bicubic"]) as model,
        ShardReader(stores["mine"]) as mine,
        ShardReader(stores["theirs"]) as theirs,
    ):
        for name in model.clips:
            numbers = model.index(name).tolist()
            assert mine.index(name).tolist() == theirs.index(name).tolist() == numbers
            assert np.array_equal(mine.read(name, numbers), model.read(name, numbers))
            whole = list(decode_pictures(tmp_path / "theirs/ucf_demo" / name))
            assert np.array_equal(theirs.read(name, numbers), np.stack(whole)[numbers])
    table = pd.read_csv(out / "table4.csv").set_index("method")
    cells = [name for name in table.columns if table[name].dtype.kind == "f"]
    assert table[cells].loc["Mine"].equals(table[cells].loc["Bicubic"])
    measured = pd.read_csv(quality)
    assert {"Mine", "theirs"} <= set(measured.iloc[:, :3].to_numpy().ravel())
    # A changed picture starts its row's jobs again, and no other row's.
    picture = next((tmp_path / "theirs").rglob("000001.png"))
    shutil.copy(picture.with_name("000000.png"), picture)
    planned = project.planned("--configfile", str(config), "--", f"{out}/table4.csv", str(quality))
    changed = {job for job in planned if not job.startswith(("aggregate", "tabulate"))}
    assert changed
    assert {job.split()[0] for job in changed} == {
        *("check_frames", "import_frames", "extract_flow", "score_clips", "measure_quality")
    }
    assert all("theirs" in job for job in changed)
