"""Paired tests and intervals compared with hand computations, closed forms and plain resampling."""

import numpy as np
import pandas as pd
import pytest
from tabulating import ST_RESNET, make, table_4

from pipeline.config import Method
from pipeline.report.aggregate import aggregate
from pipeline.report.scores import ScoresError
from pipeline.report.significance import compare, holm, intervals, mcnemar
from pipeline.report.tables.significance import Significance

pytestmark = pytest.mark.numeric

METHODS = {
    "bicubic": Method(label="Bicubic", model="bicubic"),
    "sosr": Method(label="SoSR", model="sosr"),
    "hr": Method(label="HR", model="hr"),
    "pair": Method(label="A+B", spatial="sosr", temporal="bicubic"),
}
TABLE = Significance(table="significance")


def test_mcnemar_is_the_binomial_test_of_the_clips_on_which_rows_differ():
    both, neither = np.ones(50, bool), np.zeros(30, bool)
    first = np.concatenate([both, neither, np.ones(1, bool), np.zeros(9, bool)])
    second = np.concatenate([both, neither, np.zeros(1, bool), np.ones(9, bool)])
    # 2 (C(10, 0) + C(10, 1)) / 2^10: clips on which the rows agree say nothing.
    assert mcnemar(first, second) == pytest.approx(22 / 1024)
    assert mcnemar(second, first) == pytest.approx(22 / 1024)
    assert mcnemar(first, first) == 1.0


def test_holm_is_rs_p_adjust():
    # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm(np.array([0.6, 0.9])), [1.0, 1.0])
    assert holm(np.array([])).shape == (0,)


def test_intervals_are_those_of_plain_paired_resampling():
    rng = np.random.default_rng(0)
    first = rng.random(400) < 0.7
    second = np.where(rng.random(400) < 0.9, first, ~first)
    (found,) = intervals(np.stack([first, second]), 0.95, 4000, seed=1)
    difference = first.astype(float) - second
    means = [difference[rng.integers(400, size=400)].mean() for _ in range(4000)]
    np.testing.assert_allclose(found, np.quantile(means, [0.025, 0.975]), atol=0.004)
    # Normal approximation of the paired difference; unpaired it would be more than twice as wide.
    half = 1.96 * difference.std() / 20
    assert found[1] - found[0] == pytest.approx(2 * half, rel=0.1)
    unpaired = 1.96 * np.sqrt(first.var() + second.var()) / 20
    assert unpaired > 1.9 * half


def test_intervals_of_all_pairs_stand_in_order_and_repeat():
    correct = np.random.default_rng(0).random((4, 60)) < np.array([[0.2], [0.4], [0.6], [0.8]])
    found = intervals(correct, 0.9, 500, seed=3)
    assert found.shape == (6, 2)
    means = correct.mean(axis=1)
    differences = [means[i] - means[j] for i in range(4) for j in range(i + 1, 4)]
    assert all(low < d < high for (low, high), d in zip(found, differences, strict=True))
    np.testing.assert_array_equal(found, intervals(correct, 0.9, 500, seed=3))
    np.testing.assert_array_equal(intervals(np.stack([correct[0]] * 2), 0.9, 100, seed=0), [[0, 0]])


def test_pairs_of_a_column():
    rows = {
        "a": np.array([1, 1, 1, 0], bool),
        "b": np.array([1, 0, 0, 0], bool),
        "c": np.array([0, 0, 0, 1], bool),
    }
    table = compare(rows).set_index(["first", "second"])
    assert list(table.index) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert table.loc[("a", "b"), ["difference", "only_first", "only_second"]].tolist() == [50, 2, 0]
    assert table.loc[("a", "c"), ["difference", "only_first", "only_second"]].tolist() == [50, 3, 1]
    assert table.loc[("a", "b"), "p"] == pytest.approx(0.5)
    assert (table["p_holm"] == 1.0).all()


@pytest.fixture
def files(write_scores):
    """120 clips: Bicubic recognises 40, SoSR these and 40 more, HR all in the spatial stream."""
    labels = [0, 1] * 60
    wrong = [1 - label for label in labels]
    part = {n: labels[:n] + wrong[n:] for n in (40, 80, 120)}
    return [
        path
        for method, right in {"bicubic": 40, "sosr": 80, "hr": 120}.items()
        for path in write_scores("tsn", method, labels, shards=2, spatial=part[right], temporal=part[80])
    ]


def test_every_difference_has_its_test_and_interval(files, tmp_path):
    csv, markdown = tmp_path / "s.csv", tmp_path / "s.md"
    make(TABLE, files, METHODS, csv, resamples=500)
    table = pd.read_csv(csv).set_index(["stream", "first", "second"])
    # A pairing is compared where it is its own: fused.
    assert len(table.loc["spatial"]) == len(table.loc["temporal"]) == 3
    assert len(table.loc["fusion"]) == 6
    row = table.loc[("spatial", "Bicubic", "SoSR")]
    assert row["difference"] == pytest.approx(-100 / 3, abs=1e-3)
    assert row["low"] < row["difference"] < row["high"] < 0
    assert (row["only_first"], row["only_second"]) == (0, 40)
    assert row["p"] == pytest.approx(2 * 0.5**40, rel=1e-4)
    # Both differences of 40 clips share Holm's second step.
    assert row["p_holm"] == pytest.approx(2 * row["p"], rel=1e-4)
    assert row["beyond_noise"]
    same = table.loc[("temporal", "Bicubic", "HR")]
    assert same[["difference", "low", "high", "p_holm"]].tolist() == [0, 0, 0, 1]
    text = markdown.read_text()
    assert "spatial: 3 of 3 pairs" in text
    assert "temporal: 0 of 3 pairs" in text


def marked(files, tmp_path, listing, **report: float) -> tuple[dict[str, list[str]], str]:
    """Signs of each row of Table 4 in its three columns, and the text."""
    csv, markdown = tmp_path / "t.csv", tmp_path / "t.md"
    aggregate(table_4(METHODS, **report), files, csv, markdown, *listing)
    text = (tmp_path / "t.md").read_text()
    lines = [line.split("|") for line in text.splitlines() if " ±" in line and line.startswith("|")]
    return {
        line[1].strip(): ["".join(c for c in cell if c in "▲▼△▽") for cell in line[2:5]] for line in lines
    }, text


def test_table_4_marks_what_is_beyond_noise(files, tmp_path, listing):
    marks, text = marked(files, tmp_path, listing)
    # The weight of the temporal stream (1.5) decides fusion, and there all rows are the same.
    assert marks == {
        "Bicubic": ["▽", "", ""],
        "SoSR": ["▲▽", "", ""],
        "HR": ["▲", "", ""],
        "A+B": ["▲▽", "", ""],
    }
    assert "▲ above, ▼ below Bicubic; △ above, ▽ below HR" in text
    # Each of the two differences of 40 clips has 2 x 2 / 2^40 = 3.6e-12 after Holm.
    marks, _ = marked(files, tmp_path, listing, confidence=1 - 1e-12)
    assert marks == {"Bicubic": ["▽", "", ""], "SoSR": ["", "", ""], "HR": ["▲", "", ""], "A+B": ["", "", ""]}


def test_rows_of_different_clips_are_not_compared(write_scores, tmp_path):
    files = write_scores("tsn", "bicubic", [0, 1, 0], spatial=[0, 0, 0], temporal=[0, 0, 0])
    files += write_scores("tsn", "hr", [0, 1], spatial=[0, 0], temporal=[0, 0])
    methods = {name: METHODS[name] for name in ("bicubic", "hr")}
    with pytest.raises(ScoresError, match="hr was scored on other clips"):
        make(TABLE, files, methods, tmp_path / "s.csv")


def test_joint_networks_are_compared_too(write_scores, tmp_path):
    labels = [0, 1] * 20
    wrong = [1 - label for label in labels]
    files = []
    for method, joint in {"bicubic": wrong, "sosr": labels, "hr": labels, "pair": labels}.items():
        files += write_scores("st", method, labels, joint=joint, spatial=labels, temporal=labels)
    csv = tmp_path / "s.csv"
    make(TABLE, files, METHODS, csv, ST_RESNET, resamples=100)
    table = pd.read_csv(csv)
    assert set(table[table["beyond_noise"]]["first"]) == {"Bicubic"}
    assert set(table[table["beyond_noise"]]["stream"]) == {"fusion"}
