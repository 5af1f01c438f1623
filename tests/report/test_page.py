"""What the report page is made of; test_page_browser.py opens it."""

import json
import re
import zipfile

import cv2
import numpy as np
import paging
import pytest
import yaml
from torch.utils.tensorboard import SummaryWriter

from pipeline.config.load import ConfigError, load_config
from pipeline.report.page import assets
from pipeline.report.page.assets import AssetError, digest, plain_script
from pipeline.report.page.build import pack_page
from pipeline.report.page.choice import Disagreement, choose
from pipeline.report.page.curves import curves
from pipeline.report.page.origin import origin
from pipeline.report.page.request import Training
from pipeline.report.page.tradeoff import QUALITY, tradeoff
from pipeline.superres.cost import measure_cost
from pipeline.superres.request import MeasureCost
from pipeline.training.log import log_folder
from pipeline.video.frames import read_frames


@pytest.fixture(scope="module")
def page(root, tmp_path_factory):
    return paging.make_page(root, tmp_path_factory.mktemp("page") / "results")


@pytest.fixture(scope="module")
def data(page):
    pattern = r'<script type="application/json" id="data">(.*?)</script>'
    return json.loads(re.search(pattern, page.index.read_text(), re.DOTALL)[1])


@pytest.fixture(scope="module")
def shown(page):
    return json.loads((page.clips / "clips.json").read_text())["clips"]


def test_clips_that_one_row_alone_recognises_come_first(shown):
    """sosr is right alone on clip 1, tosr on clip 4, in each stream."""
    alone = {clip["id"]: {row for _, _, row in clip["alone"]} for clip in shown}
    assert "sosr" in alone["drift/clip #1"]
    assert "tosr" in alone["drift/clip #4"]
    firsts = [bool(clip["alone"]) for clip in shown]
    assert firsts == sorted(firsts, reverse=True)
    assert len(shown) == 4


def test_classes_take_turns():
    found = {f"c{n}": Disagreement([("tsn", "fusion", "sosr")], split=9 - n) for n in range(4)}
    classes = {"c0": "a", "c1": "a", "c2": "a", "c3": "b"}
    assert choose(found, classes, ["fusion"], 2) == ["c0", "c3"]


def test_the_last_columns_verdict_counts_first():
    found = {
        "both": Disagreement([("tsn", "spatial", "sosr"), ("tsn", "temporal", "sosr")]),
        "fused": Disagreement([("tsn", "fusion", "sosr")]),
        "none": Disagreement(split=99),
    }
    assert choose(found, dict.fromkeys(found, "a"), ["fusion"], 3) == ["fused", "both", "none"]


def test_the_still_is_lossless_and_the_video_nearly(page, shown):
    clip = shown[0]
    assert clip["still_at"] == 2  # the field with the most motion
    still = cv2.cvtColor(cv2.imread(str(page.clips / clip["still"])), cv2.COLOR_BGR2RGB)
    frames = list(read_frames(page.clips / clip["video"]))
    assert len(frames) == paging.FRAMES == len(clip["numbers"])
    for source in ("hr", "sosr", "bicubic"):
        left, top = clip["tiles"][f"frames {source}"]
        tile = np.s_[top : top + paging.HEIGHT, left : left + paging.WIDTH]
        assert np.array_equal(still[tile], paging.picture(source, 2))
        errors = np.abs(frames[5][tile].astype(int) - paging.picture(source, 5))
        assert errors.mean() < 3
    left, top = clip["tiles"]["frames lr"]
    assert np.array_equal(still[top : top + 48 : 4, left : left + 64 : 4], paging.picture("lr", 2))


def test_rows_keep_their_order_and_the_page_says_what_data_it_shows(page, data):
    assert list(data["table4"]["rows"]) == paging.ROWS
    assert f'role="note">{paging.CAPTION.replace(chr(39), "&#39;")}<' in page.index.read_text()


def test_a_pair_is_tested_on_the_clips_that_only_one_recognises(data):
    (column,) = [c for c in data["table4"]["columns"] if c["stream"] == "spatial"]
    (pair,) = [p for p in column["pairs"] if (p["first"], p["second"]) == ("sosr", "tosr")]
    assert (pair["only_first"], pair["only_second"], pair["p"]) == (1, 1, 1.0)
    order = data["table4"]["clips"]["ucf_demo"]
    right = {clip for clip, bit in zip(order, column["right"]["sosr"], strict=True) if bit == "1"}
    assert right == {"bounce/clip #0", "drift/clip #1", "spin/clip #2"}


def test_verdicts_are_shares_of_classes(data):
    look = data["look"][0]
    clip = next(c for c in look["clips"] if c["id"] == "drift/clip #1")
    (best, share), *others = clip["verdicts"]["tsn spatial"]["sosr"]
    assert look["classes"][best] == "drift"
    assert share == pytest.approx(np.exp(3) / (np.exp(3) + 2), abs=1e-3)
    assert sum(s for _, s in others) + share == pytest.approx(1, abs=2e-3)


def test_nothing_is_taken_from_a_network(page):
    """Libraries name their home pages in comments; our page, styles and scripts name no address."""
    files = [page.index, *(p for p in (page.folder / "assets").iterdir() if p.name in OWN)]
    assert len(files) == 1 + len(OWN)
    for path in files:
        assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", path.read_text()), path.name


OWN = {path.name for path in (assets.HERE / "static").iterdir()}


def test_libraries_come_with_their_licences(page):
    for name in ("itables", "plotly"):
        assert "Permission is hereby granted" in (page.folder / "assets" / f"LICENSE.{name}.txt").read_text()


def test_a_bundle_with_another_layout_is_refused():
    assert 'window.Made = {"default": b}' in plain_script("var b=1;export{b as default};", "Made")
    with pytest.raises(AssetError, match="0 lists of exports"):
        plain_script("var b=1;", "Made")


def test_the_archive_holds_the_page_and_has_equal_bytes(page):
    packed = page.out / "report.zip"
    with zipfile.ZipFile(packed) as archive:
        names = set(archive.namelist())
    assert {"report/index.html", "report/clips/ucf_demo/00.mp4", "report/assets/plotly.min.js"} <= names
    again = page.out / "again" / "report.zip"
    pack_page([page.index, page.folder / "assets", page.clips], again)
    assert again.read_bytes() == packed.read_bytes()


def test_a_table_keeps_values_and_text(data):
    (table,) = data["tables"]
    assert table["title"] == "Differences"
    assert table["text"] == ["What it says."]
    assert table["lines"][0] == ["UCF", "SoSR", "<b>HR</b>", 0.25, False]
    assert table["lines"][1][3] is None


def test_the_trade_off_knows_quality_and_cost(page):
    """Of a pairing the cost of both models and no quality; correlations over rows that have both."""
    request = page.experiment.requests.build_page()
    names = {row.name: row.label for row in request.rows}
    models = request.costs
    files = []
    for number, model in enumerate(models, start=1):
        files.append(page.out / f"cost-{model}.json")
        cost = {"parameters": number, "gflop": 2 * number, "milliseconds": 10 - number}
        files[-1].write_text(json.dumps(cost | {"size": [64, 48], "device": "a GPU", "precision": "float32"}))
    line = ["UCF-micro", names["sosr"], 30.0, 0.9, 0.5, 2.0]
    quality = {"columns": ["dataset", "method", *QUALITY], "lines": [line]}
    accuracy = {"bicubic": 10.0, "sosr": 20.0, "tosr": 30.0, "sosr_tosr": 40.0, "hr": 50.0}
    cells = {row: {"top1": top1} for row, top1 in accuracy.items()}
    column = {"label": "all", "dataset": "ucf_demo", "cells": cells}
    found = tradeoff(request, {"columns": [column]}, [quality], files)
    points = found["points"]["ucf_demo"]
    assert models == ["bicubic", "sosr", "tosr"]
    assert points["sosr"]["psnr"] == 30.0
    assert points["sosr_tosr"] == {"parameters": 5.0, "gflop": 10.0, "milliseconds": 15.0}
    assert points["hr"] == {}
    (agreement,) = found["agreement"]
    assert agreement[:7] == ["all", None, None, None, None, 1.0, 1.0]
    assert agreement[7] == 0.2  # 9, 8, 7 and 15 ms


def test_the_cost_of_a_network_is_that_of_its_convolutions(tmp_path):
    """VDSR of two layers on 8x8 pixels: 2 x 9 x (1 x 4 + 4 x 1) operations a pixel of luma, and bicubic's."""
    found = {}
    for depth in (2, 3):
        request = MeasureCost(
            **{"network": "vdsr", "args": {"depth": depth, "features": 4}, "size": [8, 8], "scale": 4},
            **{"device": "cpu", "threads": 1, "precision": "float32"},
        )
        measure_cost(request, tmp_path / "cost.json")
        found[depth] = json.loads((tmp_path / "cost.json").read_text())
    more = found[3]["parameters"] - found[2]["parameters"]
    assert more in (9 * 4 * 4, 9 * 4 * 4 + 4)
    assert found[3]["gflop"] - found[2]["gflop"] == pytest.approx(2 * 9 * 4 * 4 * 64 / 1e9)
    assert found[3]["milliseconds"] > 0
    assert found[3]["size"] == [8, 8]


def test_a_table_that_the_page_names_must_exist(root):
    raw = yaml.safe_load((root / "config.yaml").read_text())
    raw["report"]["page"] = {"tables": ["table1", "table9"]}
    with pytest.raises(ConfigError, match=r"report\.page\.tables: 'table9' is not a table; known: .*table1"):
        load_config(raw, data_must_exist=False)


def test_curves_hide_what_a_killed_run_wrote_after_its_saved_state(tmp_path):
    weights = tmp_path / "vdsr.safetensors"
    for purge, values in ((None, [1.0, 2.0, 3.0]), (2, [5.0])):
        with SummaryWriter(str(log_folder(weights)), purge_step=purge) as writer:
            for step, value in enumerate(values, start=purge or 1):
                writer.add_scalar("loss/total", value, step)
    trainings = [Training(group="SR", name=name) for name in ("vdsr", "rcan")]
    found, lost = curves(trainings, [weights, tmp_path / "rcan.safetensors"])
    assert found["scalars"]["loss/total"] == [[1, 2], [1.0, 5.0]]
    assert lost["scalars"] == {}


def test_results_without_a_record_have_an_empty_origin(tmp_path):
    assert origin(tmp_path / "provenance.json")["runs"] == []


def test_a_changed_style_is_another_page(tmp_path, monkeypatch):
    before = digest()
    for folder in assets.OWN:
        (tmp_path / folder).mkdir()
        for path in (assets.HERE / folder).iterdir():
            (tmp_path / folder / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(assets, "HERE", tmp_path)
    assert digest() == before
    (tmp_path / "static" / "page.css").write_text("body { color: red }")
    assert digest() != before
