"""Patches that are cut from real stores and read again."""

import json

import h5py
import numpy as np
import pytest

from pipeline.config import Patches
from pipeline.config.patches import Pairs
from pipeline.data.manifest import Clip, write_manifest
from pipeline.hdf5 import read_attributes
from pipeline.patches.crop import PatchError, crop_patches
from pipeline.patches.request import CropPatches
from pipeline.request import part
from pipeline.video.resize import imresize
from pipeline.video.store import ShardReader, ShardWriter

pytestmark = pytest.mark.numeric

HEIGHT, WIDTH, FRAMES = 64, 88, 24
OPTIONS = Patches(size=32, crops=3, grid=[16, 12], border=4, pair_gap=1, validation_fraction=0.2)


def moving_video(seed: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Smooth noise that moves one pixel to the right each frame."""
    rng = np.random.default_rng(seed)
    texture = rng.integers(0, 256, (height, width + FRAMES, 3), dtype=np.uint8)
    texture = (texture.astype(np.uint16) + np.roll(texture, 1, 1)) // 2
    return np.stack([texture[:, FRAMES - t : FRAMES - t + width] for t in range(FRAMES)]).astype(np.uint8)


@pytest.fixture
def videos(tmp_path):
    """Two videos in two shards, one of them also holding a video smaller than a patch."""
    shapes = {"moving/a": (0, HEIGHT, WIDTH), "moving/b": (1, HEIGHT, WIDTH), "tiny/c": (1, 24, 40)}
    clips = []
    paths = {kind: [tmp_path / f"{kind}{i}.h5" for i in range(2)] for kind in ("hr", "lr", "flow")}
    for shard in range(2):
        with (
            ShardWriter(paths["hr"][shard]) as hr,
            ShardWriter(paths["lr"][shard]) as lr,
            ShardWriter(paths["flow"][shard]) as flow,
        ):
            for number, (name, (where, height, width)) in enumerate(shapes.items()):
                if where != shard:
                    continue
                frames = moving_video(number, height, width)
                hr.add(name, frames)
                lr.add(name, imresize(frames, height // 4, width // 4))
                drawn = list(range(1, FRAMES - 2, 2))
                field = np.zeros((height, width, 2), np.float16)
                field[..., 0] = 1
                flow.add(name, [field] * len(drawn), index=drawn, gap=1, engine="tvl1")
                clips.append(
                    Clip(name, f"{name}.avi", name.split("/")[0], 0, "train", FRAMES, height, width, shard)
                )
    write_manifest(tmp_path / "manifest.csv", clips)
    return tmp_path, paths


def cut(videos, kind: str, options: Patches = OPTIONS, seed: int = 0, name: str = "out", scale=4, low=None):
    folder, paths = videos
    out, report = folder / f"{name}.h5", folder / f"{name}.json"
    pairs = part(options, Pairs) if kind == "tosr" else None
    low = low or (pairs.pair_lr if pairs else "patch")
    request = CropPatches.of(options, kind=kind, pairs=pairs, seed=seed, scale=scale, low=low)
    stores = (paths[name] for name in ("hr", "lr", "flow"))
    crop_patches(CropPatches.read(request.text()), folder / "manifest.csv", *stores, out, report)
    return out, json.loads(report.read_text())


def test_sosr_patches_are_crops_with_bicubic_lr(videos):
    out, report = cut(videos, "sosr")
    with h5py.File(out) as file:
        train = file["train"]
        assert train["hr"].shape[1:] == (32, 32, 3)
        assert train["hr"].chunks == (1, 32, 32, 3)
        assert train["hr"].compression == "lzf"
        for i in range(0, len(train["hr"]), 7):
            name, frame = train["video"][i].decode(), train["frame"][i]
            video = moving_video({"moving/a": 0, "moving/b": 1}[name])
            x, y = train["x"][i], train["y"][i]
            patch = video[frame, y : y + 32, x : x + 32]
            np.testing.assert_array_equal(train["hr"][i], patch)
            np.testing.assert_array_equal(train["lr"][i], imresize(patch, 8, 8))
            assert train["flow"].dtype == np.float16
            np.testing.assert_array_equal(train["flow"][i][..., 0], 1)
        attributes = read_attributes(file)
        assert attributes["kind"] == "sosr"
        assert attributes["train"] == len(train["hr"])
        assert attributes["flow"] == report["flow"] == "tvl1"
    assert report["drawn"] == 22
    assert report["train"] + report["validation"] == 3 * (22 - report["between"])
    assert list(report["skipped"]) == ["tiny/c"]
    assert "smaller than a patch of 32" in report["skipped"]["tiny/c"]


@pytest.mark.parametrize("pair_lr", ["patch", "frame"])
def test_tosr_patches_hold_both_neighbourhoods(videos, pair_lr):
    """LR patches are down-sampled HR patches, at any place, or cut from LR frames, on their grid."""
    out, report = cut(videos, "tosr", OPTIONS.model_copy(update={"pair_lr": pair_lr}))
    assert report["dropped_by_warp"] == 0
    with h5py.File(out) as file:
        group = file["train"]
        assert group["lr"].shape[1:] == (2, 7, 8, 8, 3)
        places = set()
        for i in range(0, len(group["hr"]), 5):
            video = moving_video({"moving/a": 0, "moving/b": 1}[group["video"][i].decode()])
            low = imresize(video, HEIGHT // 4, WIDTH // 4)
            t, x, y = (int(group[name][i]) for name in ("frame", "x", "y"))
            places |= {x % 4, y % 4}
            np.testing.assert_array_equal(group["hr"][i], video[t : t + 2, y : y + 32, x : x + 32])
            for side in range(2):
                for place in range(7):
                    number = t + side + place - 3
                    stored = group["lr"][i, side, place]
                    inside = 0 <= number < FRAMES
                    assert group["padded"][i, side, place] == (not inside)
                    if not inside:
                        expected = np.zeros((8, 8, 3))
                    elif pair_lr == "frame":
                        expected = low[number, y // 4 : y // 4 + 8, x // 4 : x // 4 + 8]
                    else:
                        expected = imresize(video[number, y : y + 32, x : x + 32], 8, 8)
                    np.testing.assert_array_equal(stored, expected)
        assert places == ({0, 1, 2, 3} if pair_lr == "patch" else {0})


@pytest.mark.parametrize(("kind", "reach"), [("sosr", 1), ("tosr", 4)])
def test_training_never_reads_a_validation_frame(videos, kind, reach):
    out, report = cut(videos, kind)
    with h5py.File(out) as file:
        for name in (b"moving/a", b"moving/b"):
            train = file["train/frame"][:][file["train/video"][:] == name]
            held_out = file["validation/frame"][:][file["validation/video"][:] == name]
            assert len(held_out)
            assert train.max() + reach < held_out.min()
    assert report["between"] == 2 * (reach // 2)


def test_wrong_flow_is_dropped(videos):
    folder, paths = videos
    for shard in range(2):
        name = ["moving/a", "moving/b"][shard]
        field = np.zeros((HEIGHT, WIDTH, 2), np.float16)
        field[..., 1] = -2
        with ShardWriter(paths["flow"][shard]) as flow:
            flow.add(name, [field] * 3, index=[4, 9, 14], gap=1, engine="tvl1")
    with pytest.raises(PatchError, match=r"no tosr training patch.*tiny/c"):
        cut(videos, "tosr")
    assert not (folder / "out.h5").exists()
    _, report = cut(videos, "tosr", OPTIONS.model_copy(update={"warp_check": False}))
    assert report["train"] > 0
    assert "no frame drawn" in report["skipped"]["tiny/c"] or "smaller" in report["skipped"]["tiny/c"]


def test_flow_over_another_gap_is_refused(videos):
    with pytest.raises(PatchError, match=r"moving/a: its flow spans 1 frames, but patches.pair_gap is 2"):
        cut(videos, "tosr", OPTIONS.model_copy(update={"pair_gap": 2}))


def test_same_seed_same_patches(videos):
    digests = []
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        out, _ = cut(videos, "sosr", seed=seed, name=name)
        with h5py.File(out) as file:
            digests.append(file.attrs["digest"])
    assert digests[0] == digests[1] != digests[2]


def test_single_frames_are_cut_from_low_frames_under_other_degradations(videos):
    """Noise in place of down-sampled frames shows where the LR patches come from."""
    _, paths = videos
    marked = {}
    for path in paths["lr"]:
        with ShardReader(path) as store:
            shapes = {clip: store.shape(clip) for clip in store.clips}
        with ShardWriter(path) as store:
            for number, (clip, shape) in enumerate(shapes.items()):
                marked[clip] = np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8)
                store.add(clip, marked[clip])
    out, _ = cut(videos, "sosr", low="frame")
    with h5py.File(out) as file:
        group = file["train"]
        assert len(group["lr"])
        for low, video, frame, x, y in zip(
            *(group[n] for n in ("lr", "video", "frame", "x", "y")), strict=True
        ):
            assert (x % 4, y % 4) == (0, 0)
            place = (slice(y // 4, y // 4 + 8), slice(x // 4, x // 4 + 8))
            np.testing.assert_array_equal(low, marked[video.decode()][frame][place])


@pytest.mark.parametrize("kind", ["sosr", "tosr"])
def test_patches_of_another_scale(videos, kind):
    out, _ = cut(videos, kind, scale=2)
    with h5py.File(out) as file:
        group = file["train"]
        assert group["lr"].shape[-3:] == (16, 16, 3)
        high, low = group["hr"][:], group["lr"][:]
        if kind == "tosr":
            low = low[:, :, low.shape[2] // 2]
        np.testing.assert_array_equal(low, imresize(high, 16, 16))
