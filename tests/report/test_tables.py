"""The tables that come from scores alone, from scores made by hand."""

import cv2
import numpy as np
import pandas as pd
import pytest
from tabulating import ST_RESNET, TSN, make

from pipeline.config import Method
from pipeline.config.tables import ModelRow
from pipeline.report.published import published_ablation
from pipeline.report.request import DrawTable
from pipeline.report.scores import ScoresError
from pipeline.report.tables.ablation import Ablation
from pipeline.report.tables.mixtures import Mixtures
from pipeline.report.tables.pairings import Pairings
from pipeline.report.tables.per_class import PerClass, case
from pipeline.report.tables.protocols import Protocols
from pipeline.report.tabulate import draw_table

METHODS = {
    "bicubic": Method(label="Bicubic", model="bicubic"),
    "sosr": Method(label="SoSR", model="sosr"),
    "tosr": Method(label="ToSR", model="tosr"),
    "pair": Method(label="SoSR+ToSR", spatial="sosr", temporal="tosr"),
    "hr": Method(label="HR", model="hr"),
}
LABELS = [0, 0, 1, 1, 2, 2]


def pick(*names: str) -> dict[str, Method]:
    return {name: METHODS[name] for name in names}


def test_cases_are_the_papers():
    # The paper's Table 1: HR, Bicubic, VDSR of Archery, JumpRope and FrontCrawl.
    assert case(82.93, 36.59, 70.73) == "a"
    assert case(39.47, 42.11, 7.89) == "b"
    assert case(64.86, 32.43, 78.38) == "c"
    assert case(50, 50, 50) == ""


def test_accuracy_of_classes_and_what_sr_does_to_them(write_scores, tmp_path):
    temporal = {"temporal": LABELS}
    files = [
        *write_scores("tsn", "hr", LABELS, spatial=[0, 0, 1, 1, 2, 0], **temporal),
        *write_scores("tsn", "bicubic", LABELS, spatial=[1, 1, 1, 1, 0, 0], **temporal),
        *write_scores("tsn", "sosr", LABELS, shards=2, spatial=[0, 1, 1, 0, 2, 2], **temporal),
    ]
    csv, markdown = tmp_path / "1.csv", tmp_path / "1.md"
    table = PerClass(table="per_class", rows=["hr", "bicubic", "sosr"], shown=1)
    make(table, files, pick(*table.rows), csv)
    found = pd.read_csv(csv, keep_default_na=False).set_index(["stream", "class"])
    assert len(found) == 3 * 3
    spatial = found.loc["spatial"]
    assert spatial["clips"].tolist() == [2, 2, 2]
    assert spatial["HR"].tolist() == [100, 100, 50]
    assert spatial["Bicubic"].tolist() == [0, 100, 0]
    assert spatial["SoSR"].tolist() == [50, 50, 100]
    assert spatial["SoSR - Bicubic"].tolist() == [50, -50, 100]
    assert spatial["SoSR case"].tolist() == ["a", "", "c"]
    text = markdown.read_text()
    assert "SoSR against Bicubic: Set, TSN, spatial" in text
    assert "Better on 2, worse on 1 of 3 classes" in text
    shown = text.split("TSN, spatial")[1].split("##")[0]
    # The one that is helped most (c) and the one that is harmed most (b).
    assert [line.split("|")[1].strip() for line in shown.splitlines() if line.startswith("| ")][1:] == [
        "c",
        "b",
    ]
    assert "The same on all 3 classes." in text.split("TSN, temporal")[1].split("##")[0]
    assert "HR against" not in text


def test_classes_without_the_baseline_have_no_differences(write_scores, tmp_path):
    files = write_scores("tsn", "sosr", LABELS, spatial=LABELS, temporal=LABELS)
    csv = tmp_path / "1.csv"
    make(PerClass(table="per_class", rows=["sosr"]), files, pick("sosr"), csv)
    assert list(pd.read_csv(csv)) == ["dataset", "recognizer", "stream", "class", "clips", "SoSR"]


def test_all_pairings_of_tsn_and_the_rows_of_st_resnet(write_scores, tmp_path):
    right, wrong = LABELS, [3] * 6
    half = [0, 0, 1, 3, 3, 3]
    files = []
    for method, spatial, temporal in (
        ("bicubic", wrong, half),
        ("sosr", right, wrong),
        ("tosr", half, right),
    ):
        files += write_scores("tsn", method, LABELS, spatial=spatial, temporal=temporal)
        files += write_scores("st", method, LABELS, joint=spatial, spatial=wrong, temporal=wrong)
    files += write_scores("st", "pair", LABELS, joint=right)
    csv, markdown = tmp_path / "p.csv", tmp_path / "p.md"
    methods = pick("bicubic", "sosr", "tosr", "pair")
    make(Pairings(table="pairings"), files, methods, csv, TSN, ST_RESNET)
    table = pd.read_csv(csv).set_index(["recognizer", "spatial", "temporal"])["top1"]
    # The temporal stream weighs 1.5: where the streams differ its choice is taken.
    expected = {"Bicubic": 50.0, "SoSR": 0.0, "ToSR": 100.0}
    assert len(table["TSN"]) == 9
    for (_, temporal), value in table["TSN"].items():
        assert value == expected[temporal]
    assert table["ST-ResNet"].to_dict() == {
        ("Bicubic", "Bicubic"): 0.0,
        ("SoSR", "SoSR"): 100.0,
        ("ToSR", "ToSR"): 50.0,
        ("SoSR", "ToSR"): 100.0,
    }
    text = markdown.read_text()
    assert "| SoSR                 | 50.00" in text
    # Of ST-ResNet's nine pairs five were not scored, and the table says so.
    assert text.count("pairs that the joint network did not score") == 1


def test_an_ablation_stands_beside_the_papers_and_tests_each_step(write_scores, tmp_path):
    labels = [0] * 100
    right = {"vdsr": 40, "vdsr_wmse": 60, "sosr": 61}
    files = [
        path
        for name, n in right.items()
        for path in write_scores("tsn", name, labels, spatial=[0] * n + [1] * (100 - n))
    ]
    rows = {"VDSR + MSE": "vdsr", "VDSR + WMSE": "vdsr_wmse", "ESRGAN + WMSE + feature + GAN": "sosr"}
    shown = [ModelRow(label=k, model=v) for k, v in rows.items()]
    table = Ablation(table="ablation", stream="spatial", rows=shown)
    methods = {name: Method(model=name) for name in right}
    csv, markdown = tmp_path / "table2.csv", tmp_path / "table2.md"
    make(table, files, methods, csv, published="HMDB51")
    found = pd.read_csv(csv)
    assert found["row"].tolist() == list(rows)
    assert found["top1"].tolist() == [40, 60, 61]
    assert found["change"].tolist()[1:] == [20, 1]
    assert found["paper"].tolist() == [46.6, 47.91, 52.55]
    # Two-sided exact: 2 / 2^20, doubled by Holm, and 2 / 2 of one clip.
    np.testing.assert_allclose(found["p_holm"][1:], [2 * 2 / 2**20, 1.0], rtol=1e-5)
    assert "+20.00" in markdown.read_text()
    with pytest.raises(ScoresError, match="no scores of set, tsn, sosr"):
        make(table, files[:-1], methods, csv)


def test_published_ablations():
    assert published_ablation("table3")["VSR-DUF-16 + warp", "HMDB51", "tsn"] == 61.5
    assert len(published_ablation("table2")) == len(published_ablation("table3")) == 4


def test_accuracy_against_the_share_of_lr(write_scores, tmp_path):
    wrong = [3] * 6
    # Table 4's recogniser has scored the pairing's rows, the mixture the pairing itself.
    files = [
        *write_scores("tsn", "hr", LABELS, spatial=LABELS, temporal=LABELS),
        *write_scores("tsn", "sosr", LABELS, spatial=LABELS, temporal=wrong),
        *write_scores("tsn", "tosr", LABELS, spatial=wrong, temporal=[0, 0, 1, 3, 3, 3]),
        *write_scores("tsn-mixed50", "hr", LABELS, spatial=wrong, temporal=wrong),
        *write_scores("tsn-mixed50", "pair", LABELS, spatial=[0, 0, 3, 3, 3, 3], temporal=LABELS),
    ]
    csv, markdown, figure = tmp_path / "8.csv", tmp_path / "8.md", tmp_path / "8.png"
    table = Mixtures(table="mixtures", ratios=[0.0, 0.5], rows=["hr", "pair"])
    make(table, files, pick("sosr", "tosr", "pair", "hr"), csv)
    draw_table(DrawTable(table=table), csv, figure)
    top1 = pd.read_csv(csv).set_index(["stream", "ratio", "row"])["top1"].round(2)
    assert len(top1) == 3 * 2 * 2
    assert top1["spatial"].to_dict() == {
        (0, "HR"): 100,
        (0, "SoSR+ToSR"): 100,
        (0.5, "HR"): 0,
        (0.5, "SoSR+ToSR"): 33.33,
    }
    assert top1["temporal", 0, "SoSR+ToSR"] == 50
    assert top1["fusion", 0.5, "SoSR+ToSR"] == 100
    assert "8.png" in markdown.read_text()
    picture = cv2.imread(str(figure))
    assert picture.shape[1] > picture.shape[0] > 200
    assert picture.std() > 5


def test_accuracy_and_gain_under_degradations(write_scores, tmp_path):
    """SoSR gains under H.264 and not by default; a pairing is compared in the fused column alone."""
    from pipeline.config.degradation import SEPARATOR
    from pipeline.report.tables.degradations import Degradations

    labels = LABELS * 10
    wrong = [(label + 1) % 3 for label in labels]
    half = [label if place % 2 else (label + 1) % 3 for place, label in enumerate(labels)]
    methods = pick("bicubic", "sosr", "tosr", "pair", "hr")
    chains = {"h264_23": 23, "h264_35": 35}
    files = write_scores("tsn", "hr", labels, spatial=labels, temporal=labels)
    for suffix, sosr in {"": half, "@h264_23": labels, "@h264_35": half}.items():
        picked = {"bicubic": half, "sosr": sosr, "tosr": wrong}
        for row, spatial in picked.items():
            files += write_scores("tsn", row + suffix, labels, spatial=spatial, temporal=half)
    for name in chains:
        under = lambda row, name=name: f"{row}{SEPARATOR}{name}"  # noqa: E731
        methods |= {
            under(row): Method.model_construct(
                label=METHODS[row].label, model=under(row), spatial=None, temporal=None, frames=None
            )
            for row in ("bicubic", "sosr", "tosr")
        }
        pair = {
            "label": "SoSR+ToSR",
            "model": None,
            "spatial": under("sosr"),
            "temporal": under("tosr"),
            "frames": None,
        }
        methods[under("pair")] = Method.model_construct(**pair)
    csv = tmp_path / "degradations.csv"
    settings = {"degradation": [{"step": "bicubic"}]}
    settings["degradations"] = {
        name: [{"step": "bicubic"}, {"step": "codec", "codec": "h264", "crf": crf}]
        for name, crf in chains.items()
    }
    table = Degradations(table="degradations")
    make(table, files, methods, csv, **settings)
    found = pd.read_csv(csv, keep_default_na=False, na_values=[""]).set_index(
        ["stream", "degradation", "row"]
    )
    spatial = found.loc["spatial"]
    assert spatial.index.get_level_values("degradation").unique().tolist() == [
        "default",
        "h264_23",
        "h264_35",
        "HR",
    ]
    assert spatial.loc["h264_23", "level"].unique().tolist() == ["H.264 CRF"]
    assert spatial.loc["h264_23", "value"].unique().tolist() == [23]
    assert spatial.loc[("h264_23", "SoSR"), "top1"] == 100
    assert spatial.loc[("h264_23", "SoSR"), ["gain", "gain_low"]].gt(30).all()
    assert spatial.loc[("h264_23", "SoSR"), "beyond_noise"] in (True, "True")
    assert spatial.loc[("default", "SoSR"), "gain"] == 0
    assert spatial.loc[("default", "ToSR"), "gain"] == -50
    assert spatial["gain"].isna().groupby("row").all().loc[["Bicubic", "HR", "SoSR"]].tolist() == [
        True,
        True,
        False,
    ]
    assert "SoSR+ToSR" not in spatial.index.get_level_values("row")
    assert ("h264_35", "SoSR+ToSR") in found.loc["fusion"].index
    text = csv.with_suffix(".md").read_text()
    assert "- `h264_23`: bicubic, codec h264 crf 23" in text
    assert "100.00 (+50.00*)" in text
    draw_table(DrawTable(table=table), csv, tmp_path / "degradations.png")
    assert cv2.imread(str(tmp_path / "degradations.png")).shape[0] > 500


@pytest.mark.parametrize("scale", [4, 2])
def test_a_table_says_a_scale_that_is_not_the_papers(write_scores, tmp_path, scale):
    files = write_scores("tsn", "bicubic", LABELS, spatial=LABELS, temporal=LABELS)
    table, csv = PerClass(table="per_class", rows=["bicubic"]), tmp_path / "1.csv"
    make(table, files, pick("bicubic"), csv, caption="Toy.", scale=scale)
    expected = "**Toy.**" if scale == 4 else "**Toy. Super-resolution x2.**"
    assert expected in csv.with_suffix(".md").read_text().splitlines()


def test_sr_before_a_recogniser_of_hr_is_tested_against_a_recogniser_of_lr(write_scores, tmp_path):
    labels = [0, 1] * 6
    wrong = [3] * 12
    half = [0, 1] * 3 + [3] * 6
    both = {"spatial": labels, "temporal": labels}
    files = [
        *write_scores("tsn", "bicubic", labels, spatial=wrong, temporal=wrong),
        *write_scores("tsn", "sosr", labels, spatial=labels, temporal=wrong),
        *write_scores("tsn", "tosr", labels, spatial=wrong, temporal=half),
        *write_scores("tsn", "hr", labels, **both),
        *write_scores("tsn-on-lr", "bicubic", labels, spatial=half, temporal=half),
        *write_scores("tsn-on-lr", "pair", labels, spatial=wrong, temporal=wrong),
        *write_scores("tsn-on-lr", "sosr", labels, spatial=wrong, temporal=wrong),
        *write_scores("tsn-on-lr", "hr", labels, **both),
    ]
    csv = tmp_path / "protocols.csv"
    table = Protocols(table="protocols", trained_on=["hr", "lr"], rows=["bicubic", "sosr", "pair", "hr"])
    make(table, files, METHODS, csv)
    found = pd.read_csv(csv).set_index(["stream", "trained_on", "row"])
    assert len(found) == 3 * 2 * 4
    assert found.loc[("spatial", "Bicubic", "Bicubic"), "top1"] == 50
    # The pairing's spatial stream is SoSR's; the temporal one is ToSR's, right where LR's recogniser is.
    for row in ("SoSR", "SoSR+ToSR"):
        cell = found.loc[("spatial", "HR", row)]
        assert (cell["difference"], cell["only_sr"], cell["only_lr"]) == (50, 6, 0)
        assert cell["p"] == pytest.approx(2 * 0.5**6)
        assert cell["p_holm"] == pytest.approx(4 * 0.5**6)
        assert not cell["beyond_noise"]
    assert found.loc[("temporal", "HR", "SoSR"), "difference"] == -50
    assert found.loc[("temporal", "HR", "SoSR+ToSR"), "p"] == 1
    tested = found[found["p"].notna()].reset_index()
    assert set(tested["trained_on"]) == {"HR"}
    assert set(tested["row"]) == {"SoSR", "SoSR+ToSR"}
    assert "SoSR, HR-trained, minus LR-trained without SR: +50.00" in csv.with_suffix(".md").read_text()


def test_without_a_recogniser_of_lr_nothing_is_tested(write_scores, tmp_path):
    files = [
        *write_scores("tsn", "sosr", LABELS, spatial=LABELS, temporal=LABELS),
        *write_scores("tsn", "hr", LABELS, spatial=LABELS, temporal=LABELS),
    ]
    csv = tmp_path / "protocols.csv"
    make(Protocols(table="protocols", trained_on=["hr"], rows=["sosr", "hr"]), files, METHODS, csv)
    assert pd.read_csv(csv)["p"].isna().all()
