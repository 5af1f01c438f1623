"""Table 4 from hand-made score files."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tabulating import CLIP, ST_RESNET, TSN, table_4

from pipeline.config import Method
from pipeline.report.accuracy import fuse, mean_class_accuracy
from pipeline.report.aggregate import aggregate
from pipeline.report.published import published_accuracy
from pipeline.report.scores import ScoresError, StreamScores

METHODS = {
    "sosr": Method(label="SoSR", model="sosr"),
    "tosr": Method(label="ToSR", model="tosr"),
    "pair": Method(label="SoSR+ToSR", spatial="sosr", temporal="tosr"),
}
LABELS = np.array([0, 0, 0, 1])


def one_hot(predicted: list[int], margin: float = 1.0) -> np.ndarray:
    return margin * np.eye(2, dtype=np.float32)[predicted]


def write(folder: Path, recognizer: str, method: str, shard: int, clips: slice, **streams) -> Path:
    path = folder / f"{recognizer}-{method}-{shard}.npz"
    np.savez(
        path,
        dataset="set",
        recognizer=recognizer,
        method=method,
        clips=np.array(["c/1", "c/2", "c/3", "d/1"])[clips],
        labels=LABELS[clips],
        **{name: values[clips] for name, values in streams.items()},
    )
    return path


@pytest.fixture
def files(tmp_path):
    right_spatial, wrong_temporal = one_hot([0, 0, 0, 1]), one_hot([1, 0, 0, 1])
    rows = {
        "sosr": {"spatial": right_spatial, "temporal": one_hot([1, 1, 1, 1])},
        "tosr": {"spatial": one_hot([1, 1, 1, 0]), "temporal": wrong_temporal},
    }
    paths = []
    for shard, clips in enumerate([slice(2, 4), slice(0, 2)]):
        for method, streams in rows.items():
            paths.append(write(tmp_path, "tsn", method, shard, clips, **streams))
            paths.append(write(tmp_path, "st", method, shard, clips, joint=one_hot([0, 0, 1, 1]), **streams))
        paths.append(write(tmp_path, "st", "pair", shard, clips, joint=one_hot([0, 1, 1, 1])))
    return paths


@pytest.fixture
def run(tmp_path, listing):
    """Call aggregate; the table and its Markdown."""

    def call(files, published: str | None = "HMDB51") -> tuple[pd.DataFrame, str]:
        csv, markdown = tmp_path / "t.csv", tmp_path / "t.md"
        request = table_4(METHODS, TSN, ST_RESNET, published=published, caption="Toy.")
        aggregate(request, files, csv, markdown, *listing)
        return pd.read_csv(csv).set_index("method"), markdown.read_text()

    return call


def test_every_cell_is_what_the_scores_say(files, run):
    table, _ = run(files)
    assert table.loc["SoSR", "Set TSN spatial"] == 100
    assert table.loc["SoSR", "Set TSN temporal"] == 25
    # Mean of 0 of 3 and 1 of 1.
    assert table.loc["SoSR", "Set TSN temporal mean per-class"] == 50
    # Clip 1: (1, 0) + 1.5 * (0, 1) is wrong, the others agree.
    assert table.loc["SoSR+ToSR", "Set TSN fusion"] == 75
    assert table.loc["SoSR+ToSR", "Set ST-ResNet fusion"] == 50
    assert table.loc["ToSR", "Set ST-ResNet fusion"] == 75
    assert (table["Set clips"] == 4).all()


def test_a_pairing_takes_its_streams_from_its_rows(files, run):
    table, _ = run(files)
    assert table.loc["SoSR+ToSR", "Set TSN spatial"] == table.loc["SoSR", "Set TSN spatial"]
    assert table.loc["SoSR+ToSR", "Set TSN temporal"] == table.loc["ToSR", "Set TSN temporal"]


def test_intervals_are_wilsons(files, run):
    table, markdown = run(files)
    # Wilson's interval for 1 of 4 at 95 %, worked out by hand from its formula.
    z, p, n = 1.959964, 0.25, 4
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert table.loc["SoSR", "Set TSN temporal low"] == pytest.approx(100 * (centre - half), abs=0.01)
    assert table.loc["SoSR", "Set TSN temporal high"] == pytest.approx(100 * (centre + half), abs=0.01)
    assert f"25.00 ±{100 * half:.1f} (50.00)" in markdown


def test_paper_values_stand_beside_ours_only_for_its_data(files, run):
    table, markdown = run(files)
    assert table.loc["SoSR", "Set TSN spatial paper"] == 53.59
    assert table.loc["SoSR+ToSR", "Set ST-ResNet fusion paper"] == 67.32
    assert np.isnan(table.loc["SoSR+ToSR", "Set TSN spatial paper"])
    assert "Toy." in markdown
    table, _ = run(files, None)
    assert not [c for c in table if "paper" in c]


def test_the_markdown_counts_the_clips_that_were_lost(files, run, listing):
    (_, [left_out]) = listing
    _, markdown = run(files)
    assert f"left out: Set 3 of 8 clips (broken 2, no such file 1), see {left_out}\n" in markdown
    left_out.write_text("clip,reason\nc/9,not in the lists of split 1\n")
    _, markdown = run(files)
    assert "left out: Set 0 of 5 clips\n" in markdown


def test_missing_scores_are_named(files, run):
    with pytest.raises(ScoresError, match="set, st, pair"):
        run([f for f in files if "st-pair" not in f.name])


def test_streams_of_different_clips_are_not_fused():
    one = StreamScores(np.array(["a"]), np.array([0]), np.ones((1, 2)))
    two = StreamScores(np.array(["b"]), np.array([0]), np.ones((1, 2)))
    with pytest.raises(ScoresError, match="different clips"):
        fuse([one, two], [1.0, 1.5])


def test_mean_class_accuracy_ignores_classes_without_clips():
    values = np.eye(3)[[0, 0, 2, 2]]
    assert mean_class_accuracy(values, np.array([0, 2, 2, 2])) == pytest.approx((1 + 2 / 3) / 2)


def test_published_table_is_complete():
    table = published_accuracy()
    assert len(table) == 11 * 12 + 4
    assert table["ToSR", "HMDB51", "st_resnet", "temporal"] == 58.92
    assert table["HR", "UCF101", "tsn", "fusion"] == 93.49


def test_table_is_the_same_for_any_order_of_files(files, run):
    first, second = run(files), run(files[::-1])
    assert json.dumps(first[0].to_dict()) == json.dumps(second[0].to_dict())


def test_recognisers_of_different_streams_have_no_empty_columns(files, tmp_path, listing):
    rows = [write(tmp_path, "clip", m, 0, slice(0, 4), rgb=one_hot([0, 0, 0, 1])) for m in ("sosr", "tosr")]
    csv, markdown = tmp_path / "t.csv", tmp_path / "t.md"
    aggregate(table_4(METHODS, TSN, CLIP), [*files, *rows], csv, markdown, *listing)
    table = pd.read_csv(csv)
    assert not table.isna().any(axis=None)
    shown = [name for name in table if name.startswith("Set Clip")]
    assert shown[0] == "Set Clip rgb"
    assert all("rgb" in name for name in shown)
    tsn, clip = markdown.read_text().split("## ")[1:]
    assert "rgb" not in tsn
    assert "spatial" not in clip
    assert "nan" not in markdown.read_text()
