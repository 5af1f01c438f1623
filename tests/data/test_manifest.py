"""Manifests and shards."""

import pytest

from pipeline.data.manifest import Clip, assign_shards, read_manifest, select, write_manifest
from pipeline.errors import DamagedError

CLIPS = [
    Clip("jump/(a),[b]!;&#", '/data/a "b".avi', "jump", 0, "train", 31, 240, 320, 0),
    Clip("jump/ünïcode", "/data/ü.avi", "jump", 0, "train", 12, 240, 176, 1),
    Clip("golf/x", "/data/x.avi", "golf", 1, "test", 1, 72, 96, 0),
]


def test_round_trip(tmp_path):
    write_manifest(tmp_path / "m.csv", CLIPS)
    assert read_manifest(tmp_path / "m.csv") == CLIPS


def test_select():
    assert select(CLIPS, "train") == CLIPS[:2]
    assert select(CLIPS, "train", 1) == CLIPS[1:2]
    assert select(CLIPS, "test", 1) == []


def test_other_files_are_refused(tmp_path):
    (tmp_path / "m.csv").write_text("clip,reason\n")
    with pytest.raises(DamagedError, match="columns are"):
        read_manifest(tmp_path / "m.csv")
    write_manifest(tmp_path / "m.csv", CLIPS)
    text = (tmp_path / "m.csv").read_text(encoding="utf-8").replace(",31,", ",many,")
    (tmp_path / "m.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DamagedError, match=r"m\.csv is damaged .*row 2"):
        read_manifest(tmp_path / "m.csv")


def test_shards_balance_frames():
    frames = [90, 10, 40, 50, 30, 80]
    shards = assign_shards(frames, 3)
    assert sorted(sum(f for f, s in zip(frames, shards, strict=True) if s == n) for n in range(3)) == [
        90,
        100,
        110,
    ]
    assert shards == assign_shards(frames, 3)


def test_more_shards_than_clips():
    assert assign_shards([5, 9], 4) == [1, 0]
    assert assign_shards([], 2) == []
