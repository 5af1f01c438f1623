"""The listing stages, with real files decoded by the real ffmpeg."""

import csv
from collections import Counter

import numpy as np
import pytest
from layouts import dataset as dataset_in
from layouts import list_clips, list_videos

from pipeline import config
from pipeline.data.manifest import DataError, read_manifest, select
from pipeline.video.frames import write_video


def make_clip(path, frames=4, height=18, width=26):
    content = np.random.default_rng(frames).integers(0, 256, (frames, height, width, 3), dtype=np.uint8)
    write_video(path, content, 25)


@pytest.fixture
def tree(tmp_path):
    splits, videos = tmp_path / "splits", tmp_path / "videos"
    splits.mkdir()
    for name in ("clap", "jump"):
        uses = {"a": 1, "b": 1, "c": 1, "d": 2}
        lines = [f"{name}_{clip}.avi {use} \n" for clip, use in uses.items()]
        (splits / f"{name}_test_split1.txt").write_text("".join(lines))
        for frames, clip in enumerate(uses, start=3):
            make_clip(videos / name / f"{name}_{clip}.avi", frames)
    return tmp_path


def list_tree(tree, **keys):
    dataset = dataset_in("hmdb51", label="Demo", **keys)
    return list_clips(dataset, tree / "videos", tree / "splits", tree / "m.csv", tree / "left_out.csv")


def read_left_out(tree):
    with (tree / "left_out.csv").open(encoding="utf-8") as file:
        return {row["clip"]: row["reason"] for row in csv.DictReader(file)}


def test_manifest_of_a_small_tree(tree):
    clips = list_tree(tree, shards=config.Shards(train=2, test=1))
    assert clips == read_manifest(tree / "m.csv")
    assert [clip.id for clip in select(clips, "test")] == ["clap/clap_d", "jump/jump_d"]
    first = clips[0]
    assert (first.frames, first.height, first.width, first.label) == (3, 16, 24, 0)
    loads = [sum(clip.frames for clip in select(clips, "train", shard)) for shard in range(2)]
    assert loads == [12, 12]
    assert read_left_out(tree) == {}


def test_labels_are_numbered_within_the_subset(tree):
    assert {(clip.class_name, clip.label) for clip in list_tree(tree, classes=["jump"])} == {("jump", 0)}


def test_broken_and_unlisted_clips_are_reported_by_name(tree, capfd):
    broken = tree / "videos" / "jump" / "jump_a.avi"
    broken.write_bytes(broken.read_bytes()[:3000])
    make_clip(tree / "videos" / "jump" / "extra.avi")
    (tree / "videos" / "jump" / "jump_b.avi").unlink()
    clips = list_tree(tree)
    assert len(clips) == 6
    left_out = read_left_out(tree)
    assert left_out["jump/jump_a"].startswith("broken: ")
    assert "jump_a.avi" in left_out["jump/jump_a"]
    assert left_out["jump/extra.avi"] == "not in the lists of split 1"
    assert left_out["jump/jump_b"] == "listed, but no such file"
    printed = capfd.readouterr().err
    assert "4 train and 2 test clips" in printed
    for name in left_out:
        assert name in printed


def test_a_class_without_test_clips_is_named(tree):
    (tree / "videos" / "jump" / "jump_d.avi").write_bytes(b"")
    with pytest.raises(DataError, match=r"no clip is left of jump \(test\)"):
        list_tree(tree)
    assert "jump/jump_d" in read_left_out(tree)
    assert not (tree / "m.csv").exists()


def test_nothing_left(tree, tmp_path):
    (tmp_path / "empty").mkdir()
    dataset = dataset_in("hmdb51", label="Demo")
    with pytest.raises(DataError, match="no listed clip is there; found no video file"):
        list_clips(dataset, tmp_path / "empty", tree / "splits", tree / "m.csv", tree / "left_out.csv")


def test_a_clip_in_both_lists_makes_no_manifest(tree):
    with (tree / "splits" / "jump_test_split1.txt").open("a") as file:
        file.write("jump_d.avi 1\n")
    with pytest.raises(
        DataError, match=r"jump/jump_d \(test: .*, line 4\) and jump/jump_d \(train: .*, line 5\)"
    ):
        list_tree(tree)
    assert not (tree / "m.csv").exists()


def test_a_line_twice_is_taken_once_and_said(tree, capfd):
    before = list_tree(tree)
    with (tree / "splits" / "jump_test_split1.txt").open("a") as file:
        file.write("jump_a.avi 1\n")
    assert list_tree(tree) == before
    line = "jump/jump_a (jump_test_split1.txt, line 5)"
    assert read_left_out(tree) == {line: "named by an earlier line; taken once"}
    assert line in capfd.readouterr().err


def test_training_videos(tmp_path):
    make_clip(tmp_path / "in" / "a.avi", 5, 40, 64)
    (tmp_path / "in" / "bad.mp4").write_bytes(b"nothing")
    videos = config.TrainingVideos(size=[32, 20], max_frames=4)
    clips = list_videos(videos, tmp_path / "in", tmp_path / "v.csv", tmp_path / "left_out.csv")
    assert [(clip.id, clip.frames, clip.height, clip.width) for clip in clips] == [("a", 4, 20, 32)]
    assert list(read_left_out(tmp_path)) == ["bad"]
    (tmp_path / "in" / "a.avi").unlink()
    with pytest.raises(DataError, match="no readable video"):
        list_videos(videos, tmp_path / "in", tmp_path / "v.csv", tmp_path / "left_out.csv")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layout", "classes"), [("ucf101", ["PlayingPiano"]), ("hmdb51", ["climb_stairs", "golf"])]
)
def test_real_clips(real_data, tmp_path, layout, classes):
    root, splits = real_data / layout, real_data / "splits" / layout
    dataset = dataset_in(layout, label=layout, classes=classes)
    clips = list_clips(dataset, root, splits, tmp_path / "m.csv", tmp_path / "left_out.csv")
    listed = {"train": set(), "test": set(), "unused": set()}
    for name in classes:
        if layout == "ucf101":
            for split in ("train", "test"):
                lines = (splits / f"{split}list01.txt").read_text().splitlines()
                listed[split] |= {line.split()[0] for line in lines if line.startswith(f"{name}/")}
        else:
            for line in (splits / f"{name}_test_split1.txt").read_text().splitlines():
                file, use = line.split(" ")[:2]
                listed[{"0": "unused", "1": "train", "2": "test"}[use]].add(f"{name}/{file}")
    there = {f"{name}/{path.name}" for name in classes for path in (root / name).iterdir()}
    for split in ("train", "test"):
        assert {f"{clip.id}.avi" for clip in clips if clip.split == split} == listed[split] & there
    assert {clip.label for clip in clips} == set(range(len(classes)))
    reasons = {
        "listed, but no such file": (listed["train"] | listed["test"]) - there,
        "listed as unused in this split": listed["unused"] & there,
        "not in the lists of split 1": there.difference(*listed.values()),
    }
    expected = {reason: len(files) for reason, files in reasons.items() if files}
    assert Counter(read_left_out(tmp_path).values()) == expected
