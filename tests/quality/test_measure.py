"""The stage that measures quality: which frames count, and that shards do not matter."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tabulating import make

from pipeline.config import Method, Quality
from pipeline.data.manifest import Clip, write_manifest
from pipeline.data.plan import ClipPlan, write_plan
from pipeline.flow.quantise import quantise
from pipeline.quality.measure import QualityError, measure_quality
from pipeline.quality.request import MeasureQuality
from pipeline.report.scores import ScoresError
from pipeline.report.tables.quality import QualityTable
from pipeline.video.store import ShardWriter

pytestmark = pytest.mark.numeric

HEIGHT, WIDTH, BOUND = 24, 28, 20.0
LENGTHS = {"a/1": 6, "a/2": 1, "b/1": 9}
PLAN = {
    "a/1": ClipPlan(frames=[0, 5], fields=[1, 2]),
    "a/2": ClipPlan(frames=[0], fields=[0]),
    "b/1": ClipPlan(frames=[8], fields=[0, 4]),
}
MADE = {"a/1": [0, 1, 2, 3, 5], "a/2": [0], "b/1": [0, 1, 4, 5, 8]}
TABLE = QualityTable(table="quality")
LUMA_GAIN = 219 / 255


@pytest.fixture
def frames() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {clip: rng.integers(30, 200, (n, HEIGHT, WIDTH, 3), dtype=np.uint8) for clip, n in LENGTHS.items()}


def error_of(number: int) -> int:
    """Grey levels that frame ``number`` of the SR clips is too bright by."""
    return number + 1


def run(folder: Path, frames, shard_of: dict[str, int], quality: Quality) -> list[Path]:
    """Stores of clips whose frame n is n + 1 too bright, and whose flow is off by (0.6, 0.8) x field."""
    folder.mkdir(exist_ok=True)
    clips = [
        Clip(name, "x", name[0], "ab".index(name[0]), "test", n, HEIGHT, WIDTH, shard_of[name])
        for name, n in LENGTHS.items()
    ]
    write_manifest(folder / "manifest.csv", clips)
    write_plan(folder / "plan.json", PLAN)
    outs = []
    for shard in sorted(set(shard_of.values())):
        stores = {name: folder / f"{name}-{shard}.h5" for name in ("sr", "hr", "flow", "hr_flow")}
        with (
            ShardWriter(stores["sr"]) as sr,
            ShardWriter(stores["hr"]) as hr,
            ShardWriter(stores["flow"]) as flow,
            ShardWriter(stores["hr_flow"]) as hr_flow,
        ):
            for clip in (c for c in clips if c.shard == shard):
                hr.add(clip.id, frames[clip.id])
                bright = [frames[clip.id][n] + np.uint8(error_of(n)) for n in MADE[clip.id]]
                sr.add(clip.id, bright, index=MADE[clip.id])
                fields = PLAN[clip.id].fields
                still = np.zeros((12, 16, 2), np.float32)
                hr_flow.add(clip.id, [quantise(still, BOUND) for _ in fields], index=fields)
                moved = [quantise(still + np.float32([0.6 * f, 0.8 * f]), BOUND) for f in fields]
                flow.add(clip.id, moved, index=fields)
        out = folder / f"{shard}.csv"
        request = MeasureQuality.of(quality, dataset="set", model="m", shard=shard, bound=BOUND, scale=4)
        measure_quality(
            *(request, folder / "manifest.csv", folder / "plan.json"),
            *(stores["sr"], stores["hr"], stores["flow"], stores["hr_flow"], out),
        )
        outs.append(out)
    return outs


def test_each_clip_is_measured_on_what_is_read(frames, tmp_path):
    (out,) = run(tmp_path, frames, dict.fromkeys(LENGTHS, 0), Quality())
    table = pd.read_csv(out).set_index("clip")
    assert table["frames"].to_dict() == {"a/1": 5, "a/2": 1, "b/1": 5}
    errors = np.array([error_of(n) for n in MADE["a/1"]]) * LUMA_GAIN
    assert table.loc["a/1", "psnr"] == pytest.approx(np.mean(20 * np.log10(255 / errors)))
    assert 0.9 < table.loc["a/1", "ssim"] < 1
    # Only steps whose flow is read: 1 -> 2, 2 -> 3 of the first clip and 0 -> 1, 4 -> 5 of the last.
    assert table.loc["a/1", "profile_error"] == pytest.approx(LUMA_GAIN)
    assert table.loc["b/1", "profile_error"] == pytest.approx(LUMA_GAIN)
    # Quantised: half a level is 20 / 255 px.
    assert table.loc["a/1", "flow_epe"] == pytest.approx((1 + 2) / 2, abs=0.12)
    assert table.loc["b/1", "flow_epe"] == pytest.approx((0 + 4) / 2, abs=0.12)
    # A clip of one frame has no motion.
    assert table.loc["a/2", "fields"] == 0
    assert table.loc["a/2", ["flow_epe", "profile_error"]].isna().all()


def test_rgb_and_the_border_are_asked_for(frames, tmp_path):
    (out,) = run(tmp_path, frames, dict.fromkeys(LENGTHS, 0), Quality(channel="rgb", border=2))
    table = pd.read_csv(out).set_index("clip")
    assert table.loc["a/2", "psnr"] == pytest.approx(20 * np.log10(255))
    with pytest.raises(QualityError, match=r"28x24.*quality.border \(8\)"):
        run(tmp_path, frames, dict.fromkeys(LENGTHS, 0), Quality(border=8))


def test_the_table_is_the_same_for_any_shards(frames, tmp_path):
    texts = []
    for name, shard_of in {
        "one": {"a/1": 0, "a/2": 0, "b/1": 0},
        "two": {"a/1": 1, "a/2": 0, "b/1": 0},
    }.items():
        measured = run(tmp_path / name, frames, shard_of, Quality())
        csv = tmp_path / f"{name}.csv"
        methods = {"x": Method(label="X", model="m")}
        make(TABLE, measured[::-1], methods, csv, caption="Toy.")
        texts.append(csv.read_text())
    assert texts[0] == texts[1]
    row = pd.read_csv(tmp_path / "one.csv").iloc[0]
    assert (row["dataset"], row["method"], row["clips"], row["frames"]) == ("Set", "X", 3, 11)
    # Every clip counts the same; those without motion do not count for motion.
    assert row["profile_error"] == pytest.approx(LUMA_GAIN, rel=1e-5)
    parts = pd.read_csv(tmp_path / "one" / "0.csv")
    assert row["psnr"] == pytest.approx(parts["psnr"].mean(), rel=1e-5)
    text = csv.with_suffix(".md").read_text()
    assert "Toy." in text
    assert f"{row['psnr']:.2f}" in text
    with pytest.raises(ScoresError, match="set, other"):
        make(TABLE, measured, {"x": Method(model="other")}, csv)
