"""Pictures of rows side by side."""

import cv2
import numpy as np

from pipeline.data.manifest import Clip, write_manifest
from pipeline.data.plan import ClipPlan, write_plan
from pipeline.flow.quantise import quantise
from pipeline.report.picture import draw_comparison, flow_colours
from pipeline.report.request import DrawComparison
from pipeline.video.store import ShardWriter


def test_flow_colours_show_direction_and_length():
    flow = np.zeros((1, 4, 2), np.float32)
    flow[0, 1] = (2, 0)
    flow[0, 2] = (-2, 0)
    flow[0, 3] = (1, 0)
    still, right, left, slow = flow_colours(flow, 2.0)[0].astype(int)
    assert still.tolist() == [255, 255, 255]
    assert right.tolist() == [255, 0, 0]
    assert left.tolist() == [0, 255, 255]
    assert slow[0] == 255
    assert 120 <= slow[1] <= 135


def test_a_picture_of_the_liveliest_clips(tmp_path):
    rng = np.random.default_rng(0)
    clips = [Clip(f"{c}/{n}", "x", c, i, "test", 3, 8, 12, 0) for i, c in enumerate("ab") for n in "12"]
    write_manifest(tmp_path / "manifest.csv", clips)
    write_plan(tmp_path / "plan.json", {clip.id: ClipPlan([1], [0, 1]) for clip in clips})
    with ShardWriter(tmp_path / "frames.h5") as frames, ShardWriter(tmp_path / "flow.h5") as flow:
        for number, clip in enumerate(clips):
            frames.add(clip.id, rng.integers(0, 255, (3, 8, 12, 3), dtype=np.uint8))
            flow.add(clip.id, quantise(np.full((2, 8, 12, 2), number, np.float32), 20.0), index=[0, 1])
    draw_comparison(
        DrawComparison(labels=["Bicubic", "HR"], shard=0, bound=20.0),
        tmp_path / "manifest.csv",
        tmp_path / "plan.json",
        [tmp_path / "frames.h5"] * 2,
        [tmp_path / "flow.h5"] * 2,
        tmp_path / "picture.png",
    )
    picture = cv2.imread(str(tmp_path / "picture.png"))
    assert picture.shape[0] > picture.shape[1] > 300
    assert picture.std() > 20
