"""Training on mixtures of HR and LR clips."""

import os
from itertools import pairwise

import numpy as np
import pytest
import recognising
import torch

from pipeline.data.manifest import Clip, read_manifest, select
from pipeline.recognition.mixtures import MixedReader, low_clips
from pipeline.recognition.reading import ClipReader
from pipeline.recognition.training import Stores, train_recognizer
from pipeline.video.store import ShardReader, ShardWriter
from pipeline.weights.checkpoint import read_own


def test_each_class_gives_its_share_and_larger_shares_contain_smaller_ones():
    clips = [
        Clip(f"{c}/{n}", "", c, 0, "train", 9, 8, 8, 0) for c, m in (("a", 8), ("b", 5)) for n in range(m)
    ]
    chosen = [low_clips(clips, ratio, 0) for ratio in (0.0, 0.25, 0.5, 1.0)]
    counts = [[sum(clip.startswith(c) for clip in low) for c in "ab"] for low in chosen]
    # Rounded half up: 1.25 -> 1, 2.5 -> 3.
    assert counts == [[0, 0], [2, 1], [4, 3], [8, 5]]
    assert all(a <= b for a, b in pairwise(chosen))
    assert low_clips(clips, 0.5, 0) == chosen[2]
    assert low_clips(clips, 0.5, 1) != chosen[2]


@pytest.fixture(scope="module")
def low(toy, tmp_path_factory):
    """The toy's training clips once more, brighter: stands for those that were enlarged again."""
    folder = tmp_path_factory.mktemp("low")
    for kind, path in (("frames", toy.frames["train"]), ("flow", toy.flow["train"])):
        with ShardReader(path) as reader, ShardWriter(folder / f"{kind}.h5") as writer:
            for clip in reader.clips:
                writer.add(clip, reader.read(clip, reader.index(clip)) // 2)
    return {"frames": folder / "frames.h5", "flow": folder / "flow.h5"}


def test_a_clip_is_read_from_one_side_throughout(toy, low):
    clips = select(read_manifest(toy.manifest), "train")
    size = toy.frame_size
    with (
        ClipReader(clips, [toy.frames["train"]], [toy.flow["train"]], size) as high,
        ClipReader(clips, [low["frames"]], [low["flow"]], size) as halved,
    ):
        reader = MixedReader(high, halved, {clips[0].id})
        for read in ("frames", "fields"):
            first, second = (getattr(reader, read)(clip, [0, 2]) for clip in clips[:2])
            np.testing.assert_array_equal(first, getattr(high, read)(clips[0], [0, 2]) // 2)
            np.testing.assert_array_equal(second, getattr(high, read)(clips[1], [0, 2]))


def state(path) -> dict[str, torch.Tensor]:
    return read_own(path)["state_dict"]


def same(first, second) -> bool:
    a, b = state(first), state(second)
    return all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize("stream", ["spatial", "temporal"])
def test_the_ends_of_the_scale_are_plain_trainings(tsn, toy, low, tmp_path, stream):
    about = {"layout": "hmdb51", "split": 2}
    common = {"manifest": toy.manifest, "init": [], "code": ""}
    stores = {"frames": [toy.frames["train"]], "flow": [toy.flow["train"]]}
    halved = {"frames": [low["frames"]], "flow": [low["flow"]]}
    for name, plain in (("high", stores), ("low", halved)):
        request = recognising.training(tsn, stream, toy.frame_size, **about)
        train_recognizer(request, **common, **plain, out=tmp_path / f"{name}.pt")
    for ratio in (0.0, 0.5, 1.0):
        request = recognising.training(tsn, stream, toy.frame_size, **about, ratio=ratio)
        train_recognizer(
            request,
            **common,
            **stores,
            low_frames=halved["frames"],
            low_flow=halved["flow"],
            out=tmp_path / f"{ratio}.pt",
        )
        recorded = read_own(tmp_path / f"{ratio}.pt")["metadata"]["trained_on"]
        assert recorded == {"dataset": "hmdb51", "split": 2}
    assert same(tmp_path / "0.0.pt", tmp_path / "high.pt")
    assert same(tmp_path / "1.0.pt", tmp_path / "low.pt")
    assert not same(tmp_path / "0.5.pt", tmp_path / "high.pt")
    assert not same(tmp_path / "0.5.pt", tmp_path / "low.pt")


def test_a_stopped_training_does_not_go_on_with_other_frames(tsn, toy, low):
    """What SR networks made is told apart by its stores; of HR the manifest holds the content."""
    stores = Stores([low["frames"]], [low["flow"]], [], [])
    asked = recognising.training(tsn, "spatial", toy.frame_size, trained_on=["vdsr", "vdsr"])
    before = stores.marks(asked)
    assert before == stores.marks(asked)
    os.utime(low["frames"], ns=(1, 1))
    assert stores.marks(asked) != before
    assert stores.marks(recognising.training(tsn, "spatial", toy.frame_size)) == []
    mixed = recognising.training(tsn, "spatial", toy.frame_size, ratio=0.5)
    assert len(Stores([], [], [low["frames"]], [low["flow"]]).marks(mixed)) == 2
