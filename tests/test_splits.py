"""Several official splits in one run: a data set for each, and their mean and pooled clips in tables."""

# Configurations and messages are easier to compare on one line.

import numpy as np
import pandas as pd
import pytest
import yaml
from tabulating import make, table_4

from pipeline.config import Method
from pipeline.config.load import ConfigError, load_config
from pipeline.data.manifest import Clip, write_manifest
from pipeline.experiment import Experiment
from pipeline.report.accuracy import measure
from pipeline.report.aggregate import aggregate
from pipeline.report.scores import ScoresError, StreamScores, pool, read_scores
from pipeline.report.tables.per_class import PerClass
from pipeline.report.tables.significance import Significance


@pytest.fixture
def raw(root):
    raw = yaml.safe_load((root / "config/paper.yaml").read_text())
    raw["datasets"]["hmdb51"]["split"] = [1, 3]
    return raw


def test_a_list_of_splits_stands_for_a_data_set_each(raw):
    raw["quality"] = {"datasets": ["hmdb51"]}
    tsn = raw["recognition"]["recognizers"]["tsn"]
    raw["recognition"]["recognizers"]["tsn"] = tsn | {
        "weights": {"spatial": {"hmdb51": "w.pth", "ucf101": "u.pth"}}
    }
    config = load_config(raw, data_must_exist=False)
    assert list(config.datasets) == ["ucf101", "hmdb51_1", "hmdb51_3"]
    one, three = config.datasets["hmdb51_1"], config.datasets["hmdb51_3"]
    assert (one.split, three.split) == (1, 3)
    assert (one.published, three.published) == ("HMDB51", None)
    assert (one.label, three.label) == ("HMDB51 split 1", "HMDB51 split 3")
    assert config.quality.datasets == ["hmdb51_1", "hmdb51_3"]
    weights = config.recognition.recognizers["tsn"].weights["spatial"]
    assert {name: path.name for name, path in weights.items()} == {
        "hmdb51_1": "w.pth", "hmdb51_3": "w.pth", "ucf101": "u.pth"}  # fmt: skip
    entries = Experiment(config).requests.aggregate().datasets
    assert [entry.name for entry in entries] == ["ucf101", "hmdb51_1", "hmdb51_3", "hmdb51"]
    assert (entries[-1].label, entries[-1].joins) == ("HMDB51 splits 1, 3", ["hmdb51_1", "hmdb51_3"])
    assert Experiment(config).requests.list_clips("hmdb51_3").dataset.split == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": [1, 4]}, "datasets.hmdb51.*split"),
        ({"split": [2, 2]}, "datasets.hmdb51.*split"),
        ({"split": []}, "datasets.hmdb51.*split"),
        ({"split": 4}, "datasets.hmdb51.*split"),
        ({"split": 1, "split_of": "x"}, "datasets.hmdb51.split_of: the run sets it"),
    ],
)
def test_other_lists_are_refused(raw, change, message):
    raw["datasets"]["hmdb51"] |= change
    with pytest.raises(ConfigError, match=message):
        load_config(raw, data_must_exist=False)


def test_the_name_of_a_split_must_be_free(raw):
    raw["datasets"]["hmdb51_3"] = raw["datasets"]["ucf101"]
    with pytest.raises(
        ConfigError, match=r"datasets\.hmdb51_3: this is the name of a split of hmdb51; rename it"
    ):
        load_config(raw, data_must_exist=False)


METHODS = {name: Method(label=name.upper(), model=name) for name in ("bicubic", "sosr")}
JOINS = {"set": ["set_1", "set_2"]}
SETS = dict.fromkeys(["set_1", "set_2", "set"], "hr")
CLIPS = {"set_1": ["a/1", "a/2", "b/1", "b/2"], "set_2": ["a/2", "a/3", "b/3"]}
# Clips that each row recognises; a/2 is tested in both splits.
RIGHT = {
    ("set_1", "bicubic"): ["a/1"],
    ("set_1", "sosr"): ["a/1", "a/2", "b/1"],
    ("set_2", "bicubic"): ["a/2", "a/3"],
    ("set_2", "sosr"): ["a/3"],
}


def write(folder, classes="ab", recognizer="tsn"):
    paths = []
    for (name, row), right in RIGHT.items():
        clips = CLIPS[name]
        labels = np.array([classes.index(clip[0]) for clip in clips])
        picked = [label if clip in right else 1 - label for clip, label in zip(clips, labels, strict=True)]
        scores = np.eye(2, dtype=np.float32)[picked]
        paths.append(folder / f"{name}-{row}.npz")
        about = {"dataset": name, "recognizer": recognizer, "method": row}
        np.savez(paths[-1], **about, clips=clips, labels=labels, spatial=scores, temporal=scores)
    return paths


def test_a_clip_of_several_splits_counts_once_as_in_the_first(tmp_path):
    pooled = pool(read_scores(write(tmp_path)), "set", JOINS["set"])
    found: StreamScores = pooled["set", "tsn", "bicubic"].of("spatial")
    assert found.clips.tolist() == ["a/1", "a/2", "a/3", "b/1", "b/2", "b/3"]
    assert found.correct.tolist() == [True, False, True, False, False, False]
    assert pooled["set", "tsn", "sosr"].of("spatial").correct.tolist() == [
        True,
        True,
        True,
        True,
        False,
        False,
    ]


def test_splits_of_different_classes_are_not_pooled(tmp_path):
    scores = read_scores(write(tmp_path))
    (tmp_path / "other").mkdir()
    scores |= {
        key: value for key, value in read_scores(write(tmp_path / "other", "ba")).items() if key[0] == "set_2"
    }
    with pytest.raises(ScoresError, match="set: its splits have different classes"):
        pool(scores, "set", JOINS["set"])


def test_table_4_shows_the_mean_over_splits_and_the_interval_of_pooled_clips(tmp_path):
    files = write(tmp_path)
    write_manifest(tmp_path / "m.csv", [Clip("a/1", "a", "a", 0, "test", 4, 16, 16, 0)])
    (tmp_path / "l.csv").write_text("clip,reason\n")
    csv, markdown = tmp_path / "t.csv", tmp_path / "t.md"
    request = table_4(METHODS, datasets=SETS, joins=JOINS)
    aggregate(request, files, csv, markdown, [tmp_path / "m.csv"] * 2, [tmp_path / "l.csv"] * 2)
    table = pd.read_csv(csv, index_col="method")
    assert table.loc["BICUBIC", ["Set_1 TSN spatial", "Set_2 TSN spatial"]].tolist() == [25.0, 66.67]
    assert table.loc["BICUBIC", "Set TSN spatial"] == 45.83
    assert table.loc["SOSR", "Set TSN spatial"] == pytest.approx((75 + 33.333) / 2, abs=0.01)
    assert table.loc["BICUBIC", "Set clips"] == 6
    pooled = pool(read_scores(files), "set", JOINS["set"])["set", "tsn", "bicubic"].of("spatial")
    whole = measure(pooled, 0.95)
    assert table.loc["BICUBIC", "Set TSN spatial high"] - table.loc["BICUBIC", "Set TSN spatial low"] == (
        pytest.approx(whole.high - whole.low, abs=0.02)
    )
    assert markdown.read_text().count("Accuracies are means over the splits") == 1


def test_tests_count_pooled_clips(tmp_path):
    csv = tmp_path / "significance.csv"
    make(
        Significance(table="significance"),
        write(tmp_path),
        METHODS,
        csv,
        datasets=SETS,
        joins=JOINS,
        resamples=99,
    )
    table = pd.read_csv(csv).set_index(["dataset", "stream"])
    row = table.loc[("Set", "spatial")]
    assert (row["only_first"], row["only_second"]) == (0, 2)
    csv = tmp_path / "table1.csv"
    make(
        PerClass(table="per_class", rows=["bicubic", "sosr"]),
        write(tmp_path),
        METHODS,
        csv,
        datasets=SETS,
        joins=JOINS,
    )
    table = pd.read_csv(csv)
    assert table[table["dataset"] == "Set"]["clips"].tolist() == [3, 3] * 3
