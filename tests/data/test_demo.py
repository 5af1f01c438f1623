"""The demo's data sets: deterministic, in the published layouts, and needing both streams."""

import importlib.util

import cv2
import numpy as np
import pytest
from layouts import dataset as dataset_in
from layouts import list_clips, list_videos

from pipeline import config
from pipeline.data.demo.actions import HMDB_ACTIONS, UCF_ACTIONS
from pipeline.data.demo.generate import generate_demo
from pipeline.data.demo.looks import Look, Surface, draw_dress, draw_sprite
from pipeline.data.demo.scene import develop, new_canvas, paint
from pipeline.data.demo.textures import PICTURES, load_textures
from pipeline.data.manifest import DataError
from pipeline.data.request import GenerateDemo
from pipeline.video.frames import read_frames

TINY = config.Demo(height=72, frames=3, train_clips=2, test_clips=1, videos=2, video_frames=3)


def decode(folder):
    return {p.relative_to(folder): np.stack(list(read_frames(p))) for p in sorted(folder.rglob("*.avi"))}


@pytest.mark.parametrize("kind", ["cdvl", "ucf101", "hmdb51"])
def test_the_seed_decides(tmp_path, kind):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        generate_demo(GenerateDemo.of(TINY, kind=kind, seed=seed), tmp_path / name)
    first, again, other = (list(decode(tmp_path / name).values()) for name in "abc")
    assert decode(tmp_path / "a").keys() == decode(tmp_path / "b").keys()
    assert all(np.array_equal(x, y) for x, y in zip(first, again, strict=True))
    assert not any(x.shape == y.shape and np.array_equal(x, y) for x, y in zip(first, other, strict=True))


@pytest.mark.parametrize("kind", ["ucf101", "hmdb51"])
def test_our_reader_reads_the_layout(tmp_path, kind):
    generate_demo(GenerateDemo.of(TINY, kind=kind, seed=0), tmp_path)
    dataset = dataset_in(kind, label="demo")
    clips = list_clips(
        dataset, tmp_path / "videos", tmp_path / "splits", tmp_path / "m.csv", tmp_path / "left_out.csv"
    )
    assert (tmp_path / "left_out.csv").read_text() == "clip,reason\n"
    actions = UCF_ACTIONS if kind == "ucf101" else HMDB_ACTIONS
    assert {clip.class_name for clip in clips} == {action.name for action in actions}
    assert sum(clip.split == "train" for clip in clips) == 16
    assert len(clips) == 24
    assert all(clip.frames == 3 and clip.height == 72 for clip in clips)
    widths = {clip.width for clip in clips}
    assert widths == {96} if kind == "ucf101" else len(widths) > 3


def test_more_clips_than_ucf101_has_groups(tmp_path):
    demo = config.Demo(frames=1, train_clips=1, test_clips=9, videos=1)
    generate_demo(GenerateDemo.of(demo, kind="ucf101", seed=0), tmp_path)
    lines = (tmp_path / "splits" / "testlist01.txt").read_text().split()
    assert len(lines) == len(set(lines)) == 8 * 9
    assert lines[7] == "RacketSwing/v_RacketSwing_g01_c02.avi"


def test_training_videos_are_readable(tmp_path):
    generate_demo(GenerateDemo.of(TINY, kind="cdvl", seed=0), tmp_path / "videos")
    videos = config.TrainingVideos(size=[160, 120])
    clips = list_videos(videos, tmp_path / "videos", tmp_path / "v.csv", tmp_path / "left_out.csv")
    assert [(clip.height, clip.width, clip.frames) for clip in clips] == [(120, 160, 3)] * 2


@pytest.mark.parametrize("actions", [UCF_ACTIONS, HMDB_ACTIONS])
def test_classes_need_both_streams(actions):
    looks, motions = [action.look for action in actions], [action.motion for action in actions]
    assert len({action.name for action in actions}) == 8
    for first in (0, 2):
        assert motions[first] == motions[first + 1]
        assert looks[first] != looks[first + 1]
        assert looks[first].outline == looks[first + 1].outline
    for first in (4, 6):
        assert looks[first] == looks[first + 1]
        assert motions[first] != motions[first + 1]


def test_strips_never_mix():
    strips = {purpose: load_textures(purpose) for purpose in ("videos", "train", "test")}
    assert {len(textures) for textures in strips.values()} == {len(strips["test"])}
    # Side by side in their order, the strips of a picture are the picture: no column is in two of them.
    (folder,) = importlib.util.find_spec("skimage").submodule_search_locations
    coffee = cv2.imread(f"{folder}/data/coffee.png")[..., ::-1]
    place = list(PICTURES).index("coffee.png")
    parts = [strips[purpose][place] for purpose in ("videos", "train", "test")]
    assert [part.shape[1] for part in parts] == [300, 150, 150]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), coffee)


def test_every_motion_starts_near_its_place():
    for action in [*UCF_ACTIONS, *HMDB_ACTIONS]:
        poses = action.motion(np.random.default_rng(0), 10)
        assert len(poses) == 10
        assert all(abs(pose.x) < 12 and abs(pose.y) < 12 for pose in poses)


def test_a_surface_runs_inside_an_outline_that_stands_still():
    look = Look("disc", "checks", period=(8.0, 8.0))
    dress = draw_dress(look, np.random.default_rng(0))
    resting = draw_sprite(look, dress).rgba

    def differs(surface):
        moved = draw_sprite(look, dress, surface).rgba
        np.testing.assert_array_equal(moved[..., 3], resting[..., 3])
        return np.mean(np.any(moved != resting, axis=2)[resting[..., 3] > 0])

    # Squares of half a period: back after a period, exchanged after half of one, moved by a quarter.
    assert differs(Surface(x=8.0)) < 0.02
    assert differs(Surface(y=-8.0)) < 0.02
    assert differs(Surface(x=4.0)) > 0.98
    assert differs(Surface(y=2.0)) == pytest.approx(0.5, abs=0.05)
    quarter = draw_sprite(look, dress, Surface(turn=np.pi / 2)).rgba
    np.testing.assert_allclose(quarter, np.rot90(resting, -1), atol=1e-4)


def test_a_sprite_moves_by_parts_of_a_pixel():
    rng = np.random.default_rng(0)
    look = Look("disc", "stripes")
    sprite = draw_sprite(look, draw_dress(look, rng))
    picture = np.zeros((80, 80, 3), np.float32)

    def centre(x, y):
        canvas = new_canvas(picture, 60, 60, 40, 40)
        paint(canvas, sprite, x, y)
        weight = (develop(canvas).sum(axis=2) > 0).astype(float)
        rows, columns = np.mgrid[:60, :60] + 0.5
        return (weight * columns).sum() / weight.sum(), (weight * rows).sum() / weight.sum()

    assert centre(30, 30) == pytest.approx((30, 30), abs=0.1)
    assert centre(31.5, 28) == pytest.approx((31.5, 28), abs=0.25)
    canvas = new_canvas(picture, 60, 60, 40, 40)
    paint(canvas, sprite, -90, 30)  # entirely outside
    assert not canvas.any()


def test_a_folder_that_holds_files_is_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match=r"holds files already; remove it"):
        generate_demo(GenerateDemo.of(TINY, kind="cdvl", seed=0), tmp_path)
