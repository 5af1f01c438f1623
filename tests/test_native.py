"""Data sets whose videos are low-resolution by themselves: what is scored, and what is left out and why."""

# Configurations and messages are easier to compare on one line.
# ruff: noqa: E501

import copy
import re

import numpy as np
import pandas as pd
import pytest
import yaml
from layouts import dataset, list_clips
from tabulating import TSN, make, table_4
from workflow import Project

from pipeline.config import Method
from pipeline.config.load import ConfigError, load_config
from pipeline.data.prepare import prepare_native_clips
from pipeline.data.request import PrepareNativeClips
from pipeline.experiment import Experiment
from pipeline.preflight.report import check
from pipeline.report.aggregate import aggregate
from pipeline.report.tables.pairings import Pairings
from pipeline.report.tables.per_class import PerClass
from pipeline.report.tables.quality import QualityTable
from pipeline.report.tables.significance import Significance
from pipeline.video.frames import write_video
from pipeline.video.store import ShardReader

STREAM = {"iterations": 1, "batch_size": 2}
CONFIG = {
    "output": "out",
    "training_videos": {"root": "videos"},
    "datasets": {
        "mine": {"layout": "annotations", "label": "Mine", "root": "videos", "splits": "lists"},
        "cctv": {
            **{"layout": "annotations", "label": "CCTV", "root": "cctv", "splits": "cctv_lists"},
            **{"resolution": "native", "recognizer_from": "mine"},
        },
    },
    "flow": {"tvl1": {"warps": 1, "scales": 2, "outer_iterations": 2}},
    "patches": {"spatial_flow": "tvl1"},
    "superres": {"models": {"bicubic": {"network": "bicubic"}}},
    "recognition": {
        "frame_size": [64, 48],
        "recognizers": {
            "tsn": {
                **{"label": "TSN", "protocol": "tsn", "network": "bn_inception", "crop": 32},
                "args": {"width": 0.25, "blocks": ["3a", "3c", "4e", "5b"]},
                **{"train_snippets": 2, "test_snippets": 2, "test_crops": 2},
                **{"spatial": STREAM, "temporal": STREAM},
            }
        },
    },
    "methods": {
        "bicubic": {"label": "Bicubic", "model": "bicubic"},
        "hr": {"label": "HR", "model": "hr"},
        "mixed": {"label": "Mixed", "spatial": "bicubic", "temporal": "hr"},
    },
    "report": {"pictured": ["bicubic", "hr"], "resamples": 99},
}
CLIPS = {
    "mine": {"train": ["run", "sit", "wave"], "test": ["run", "sit", "wave"]},
    "cctv": {"test": ["Wave", "run"]},
}


@pytest.fixture
def raw(tmp_path):
    """Tiny clips of both data sets, the native ones 24x16, of a subset of the classes in another order."""
    for name, splits in CLIPS.items():
        folder = tmp_path / ("videos" if name == "mine" else name)
        size = (48, 64) if name == "mine" else (16, 24)
        lists = tmp_path / ("lists" if name == "mine" else "cctv_lists")
        lists.mkdir()
        for split, classes in splits.items():
            lines = [f"{label}/{split}{n}.mkv {label}" for label in classes for n in range(2)]
            (lists / f"{split}.txt").write_text("\n".join(lines))
            for seed, line in enumerate(lines):
                frames = np.random.default_rng(seed).integers(0, 256, (4, *size, 3), dtype=np.uint8)
                write_video(folder / line.split()[0], frames, 25, vcodec="ffv1", pix_fmt="gbrp")
    return copy.deepcopy(CONFIG) | {"data_root": str(tmp_path), "output": str(tmp_path / "out")}


def test_decoded_frames_are_lr(raw, tmp_path):
    section = dataset("annotations", resolution="native", recognizer_from="mine")
    files = [tmp_path / name for name in ("m.csv", "left_out.csv", "notes.csv")]
    clips = list_clips(section, tmp_path / "cctv", tmp_path / "cctv_lists", *files)
    assert [(clip.class_name, clip.label, clip.split) for clip in clips] == [
        *[("Wave", 0, "test")] * 2, *[("run", 1, "test")] * 2]  # fmt: skip
    assert {(clip.height, clip.width) for clip in clips} == {(64, 96)}  # x4
    prepare_native_clips(PrepareNativeClips(split="test", shard=0, scale=4), files[0], tmp_path / "lr.h5")
    with ShardReader(tmp_path / "lr.h5") as store:
        expected = np.random.default_rng(0).integers(0, 256, (4, 16, 24, 3), dtype=np.uint8)
        np.testing.assert_array_equal(store.read("Wave/test0", range(4)), expected)


def test_training_clips_of_other_layouts_are_not_used(tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s/run_test_split1.txt").write_text("a.avi 1\nb.avi 2\n")
    for name in "ab":
        (tmp_path / f"v/run/{name}.avi").parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"v/run/{name}.avi").touch()
    listing = dataset("hmdb51", resolution="native").find_clips(tmp_path / "v", tmp_path / "s")
    assert [candidate.entry.id for candidate in listing.candidates] == ["run/b"]


def test_rows_weights_and_files(raw):
    experiment = Experiment(load_config(raw))
    rows, files = experiment.rows, experiment.files
    assert [row for row in rows.methods if rows.shows(row, "mine")] == ["bicubic", "hr", "mixed"]
    assert [row for row in rows.methods if rows.shows(row, "cctv")] == ["bicubic"]
    assert rows.pictured_of("cctv") == ["bicubic"]
    scores = files.scores(rows.methods, ["cctv"], ["tsn"])
    assert [path.split("/")[-2] for path in scores] == ["bicubic"]
    weights = files.scoring_weights("cctv", "tsn", "bicubic")
    assert weights == files.scoring_weights("mine", "tsn", "bicubic")
    assert files.class_manifest("cctv") == [f"{files.out}/data/mine/manifest.csv"]
    assert files.class_manifest("mine") == []
    assert rows.trained_streams("tsn", "cctv") == []
    assert rows.tables["quality"].columns(experiment) == (["mine"], [])
    assert experiment.requests.tabulate("quality").lacking_hr == ["CCTV"]
    assert experiment.requests.tabulate("significance").lacking_hr == []
    assert "6 train and 6 test" in (report := check(load_config(raw)))
    assert "0 train and 4 test" in report


def test_tables_that_need_hr_are_left_out_where_there_is_none(raw):
    del raw["datasets"]["mine"], raw["methods"]["hr"], raw["methods"]["mixed"]
    raw["datasets"]["cctv"]["recognizer_from"] = None
    weights = {stream: str(raw["output"]) for stream in ("spatial", "temporal")}
    raw["recognition"]["recognizers"]["tsn"]["weights"] = weights
    raw["report"]["pictured"] = ["bicubic"]
    tables = Experiment(load_config(raw, data_must_exist=False)).rows.tables
    assert list(tables) == ["pairings", "significance"]


def lone(raw):
    del raw["datasets"]["mine"]


MISTAKES = [
    (lambda raw: raw["datasets"]["cctv"].update(recognizer_from="other"), "datasets.cctv.recognizer_from: 'other' is not a data set with HR; known: mine"),
    (lambda raw: raw["datasets"]["cctv"].update(recognizer_from="cctv"), "datasets.cctv.recognizer_from: 'cctv' is not a data set with HR; known: mine"),
    (lambda raw: raw["datasets"]["cctv"].update(recognizer_from=None), "datasets.cctv.recognizer_from: missing, and so is recognition.recognizers.tsn.weights.spatial for cctv"),
    (lambda raw: raw["datasets"]["mine"].update(recognizer_from="cctv"), r"datasets.mine.*recognizer_from is of use with resolution: native alone"),
    (lambda raw: raw["datasets"]["cctv"].update(published="UCF101"), "published numbers are of HR"),
    (lambda raw: raw["datasets"]["cctv"].update(degradations=["d"]), "datasets.cctv.degradations: its videos are LR as they are; leave it out"),
    (lambda raw: raw["datasets"]["cctv"].update(resolution="low"), "datasets.cctv.*resolution.*'hr' or 'native'"),
    (lambda raw: raw["datasets"]["mine"].update(published="UCF101", limit={"test": 1}), "published numbers are of all clips"),
    (lambda raw: raw["datasets"]["mine"].update(limit={"test": 0}), "limit.test: Input should be greater than or equal to 1"),
    (lambda raw: raw.update(quality={"datasets": ["cctv"]}), "quality.datasets: 'cctv' has resolution: native, but this needs HR"),
    (lambda raw: raw.update(tables={"figure8": {"datasets": ["cctv"], "rows": ["bicubic"]}}), "tables.figure8.datasets: 'cctv' has resolution: native"),
    (lone, "methods.hr.model: hr, but all data sets have resolution: native, so there is no HR; remove the row"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), MISTAKES)
def test_mistakes_are_told_at_their_key(raw, change, message):
    change(raw)
    with pytest.raises(ConfigError, match=message):
        load_config(raw, data_must_exist=False)


def test_a_class_that_the_recogniser_lacks_stops_before_the_first_job(raw, tmp_path):
    (tmp_path / "cctv_lists/test.txt").write_text("Wave/test0.mkv jump\nrun/test0.mkv run")
    with pytest.raises(
        Exception, match=r"datasets\.cctv: recognizer_from: mine has no class jump, only run, sit, wave"
    ):
        check(load_config(raw))


METHODS = {name: Method(**row) for name, row in CONFIG["methods"].items()}


@pytest.fixture
def files(tmp_path):
    """Scores of six clips of two classes; the native data set has no row that needs HR."""
    paths = []
    labels = np.array([0, 0, 0, 1, 1, 1])
    for name in ("mine", "cctv"):
        for row in ("bicubic", "hr") if name == "mine" else ("bicubic",):
            right = np.eye(2, dtype=np.float32)[labels if row == "hr" else labels * 0]
            paths.append(tmp_path / f"{name}-{row}.npz")
            about = {"dataset": name, "recognizer": "tsn", "method": row}
            clips = [f"{'ab'[label]}/{n}" for n, label in enumerate(labels)]
            np.savez(paths[-1], **about, clips=clips, labels=labels, spatial=right, temporal=right)
    return paths


SETS = {"mine": "hr", "cctv": "native"}


def test_table_4_has_empty_cells_with_their_reason(files, tmp_path):
    request = table_4(METHODS, datasets=SETS)
    (tmp_path / "m.csv").write_text("")
    csv, markdown = tmp_path / "t.csv", tmp_path / "t.md"
    from pipeline.data.manifest import Clip, write_manifest

    write_manifest(tmp_path / "m.csv", [Clip("a/0", "a", "a", 0, "test", 4, 16, 16, 0)])
    (tmp_path / "l.csv").write_text("clip,reason\n")
    aggregate(request, files, csv, markdown, [tmp_path / "m.csv"] * 2, [tmp_path / "l.csv"] * 2)
    table = pd.read_csv(csv, index_col="method")
    assert table["Mine TSN fusion"].notna().all()
    cells = table[[column for column in table if column.startswith("Cctv TSN")]]
    assert cells.loc["Bicubic"].notna().all()
    assert cells.loc[["HR", "Mixed"]].isna().all(axis=None)
    mine, cctv = re.split("## Cctv", markdown.read_text())
    assert "Without HR" not in mine
    assert "Without HR, Mixed: its videos are low-resolution by themselves, so there is no HR." in cctv
    assert "nan" not in cctv.lower()
    assert "| HR" not in cctv


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        (PerClass(table="per_class", rows=["hr", "bicubic"]), {"mine": 6, "cctv": 6}),
        (Pairings(table="pairings"), {"mine": 4, "cctv": 1}),
        (Significance(table="significance"), {"mine": 5, "cctv": 0}),
    ],
)
def test_other_tables_show_the_rows_that_there_are(files, tmp_path, table, rows):
    csv = tmp_path / "table.csv"
    make(table, files, METHODS, csv, TSN, datasets=SETS, resamples=99)
    found = pd.read_csv(csv)["dataset"].str.lower().value_counts()
    assert {name: found.get(name, 0) for name in rows} == rows
    assert "nan" not in csv.with_suffix(".md").read_text().lower()


def test_a_table_that_needs_hr_says_what_it_left_out(tmp_path):
    (tmp_path / "q.csv").write_text("")
    from pipeline.csv_rows import write_rows
    from pipeline.report.tables.quality import COLUMNS

    write_rows(tmp_path / "q.csv", COLUMNS, [["mine", "bicubic", "a/0", 2, 1, 30.0, 0.9, 0.5, 0.1]])
    csv = tmp_path / "quality.csv"
    rows = {"bicubic": METHODS["bicubic"]}
    sets = {"datasets": {"mine": "hr"}, "lacking_hr": ("CCTV",)}
    make(QualityTable(table="quality"), [tmp_path / "q.csv"], rows, csv, **sets)
    text = csv.with_suffix(".md").read_text()
    assert "CCTV is left out: its videos are low-resolution by themselves, so there is no HR." in text


@pytest.mark.slow
def test_a_run_scores_them_with_the_recogniser_of_another_data_set(raw, root, tmp_path):
    project = Project.copy(root, tmp_path / "project")
    (project.folder / "c.yaml").write_text(yaml.safe_dump(raw | {"output": "out"}, sort_keys=False))
    project.snakemake("--cores", "2", "--configfile", "c.yaml", "--", "tables", "figures")
    out = project.folder / "out"
    assert not (out / "data/cctv/test-0/hr.h5").exists()
    assert not (out / "recognition/cctv/tsn/spatial.safetensors").exists()
    table = pd.read_csv(out / "table4.csv", index_col="method")
    assert table.loc["Bicubic", "CCTV clips"] == 4
    assert np.isnan(table.loc["HR", "CCTV TSN fusion"])
    with np.load(out / "recognition/cctv/tsn/scores/bicubic/0.npz") as scores:
        assert scores["spatial"].shape == (4, 2)
        assert scores["labels"].tolist() == [0, 0, 1, 1]
    assert (out / "figures/cctv.png").exists()
    assert "CCTV is left out" in (out / "tables/quality.md").read_text()
