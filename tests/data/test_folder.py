"""Training videos in plain folders: which files are used, and under which names."""

import os
import unicodedata

import pytest

from pipeline.data.folder import find_videos
from pipeline.data.manifest import DataError


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_folder_takes_every_video(tmp_path):
    touch(tmp_path, "b.mp4", "a.avi", "sub/a.mkv", "a.mov", "notes.txt", ".hidden.avi")
    videos, others = find_videos(tmp_path)
    names = [(name, path.relative_to(tmp_path).as_posix()) for name, path in videos]
    assert names == [("a.avi", "a.avi"), ("a.mov", "a.mov"), ("b", "b.mp4"), ("sub__a", "sub/a.mkv")]
    assert others == [("notes.txt", 'suffix ".txt" is not a video\'s')]
    with pytest.raises(DataError, match="no such folder"):
        find_videos(tmp_path / "none")


def test_links_are_followed_and_no_video_is_taken_twice(tmp_path):
    touch(tmp_path, "in/a.avi", "store/b.avi")
    videos = tmp_path / "in"
    (videos / "more").symlink_to("../store")
    (videos / "round").symlink_to(".")
    (videos / "same.avi").symlink_to("a.avi")
    (videos / "gone.avi").symlink_to("/nowhere/gone.avi")
    found, others = find_videos(videos)
    assert [name for name, _ in found] == ["a", "more__b"]
    reasons = dict(others)
    assert list(reasons) == ["gone.avi", "round", "same.avi"]
    assert reasons["same.avi"] == "the same file as a.avi"
    assert "leads nowhere" in reasons["gone.avi"]


def test_a_name_that_is_not_utf8_is_left_out_by_name(tmp_path):
    touch(tmp_path, "a.avi", os.fsdecode("caf\u00e9.avi".encode("latin-1")))
    found, others = find_videos(tmp_path)
    assert [name for name, _ in found] == ["a"]
    assert others == [(r"caf\xe9.avi", "its path is not UTF-8; rename it")]


def test_no_two_videos_get_one_identifier(tmp_path):
    accent = "Jos\u00e9"
    touch(
        tmp_path,
        "a/b.avi",
        "a__b.avi",
        f"{accent}.avi",
        f"{unicodedata.normalize('NFD', accent)}.avi",
        "A/b.mp4",
    )
    found, others = find_videos(tmp_path)
    names = [name for name, _ in found]
    assert sorted(names) == sorted(["A__b", "a__b.avi", "a__b.avi_2", f"{accent}.avi", f"{accent}.avi_2"])
    assert others == []


def test_junk_is_neither_taken_nor_named(tmp_path):
    touch(tmp_path, "a.avi", "._a.avi", ".DS_Store", "Thumbs.db", "__MACOSX/._a.avi", "__MACOSX/b.avi")
    found, others = find_videos(tmp_path)
    assert [name for name, _ in found] == ["a"]
    assert others == []
