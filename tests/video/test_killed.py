"""Failures of the machine stop the stage and leave no clip out."""

import errno
import os

import numpy as np
import psutil
import pytest
from layouts import dataset as dataset_in
from layouts import list_clips, list_videos

from pipeline import config
from pipeline.cli import main
from pipeline.data.request import ListVideos
from pipeline.files import DiskFullError
from pipeline.video import process
from pipeline.video.frames import VideoError, read_frames, write_video
from pipeline.video.process import FfmpegError, find_ffmpeg

ENDS = {
    "killed": ("kill -KILL $$", "SIGKILL.*memory is short"),
    "killed below a shell": ("exit 137", "SIGKILL.*memory is short"),
    "crashed": ("kill -SEGV $$", "SIGSEGV"),
    "library gone": ("echo 'ffmpeg: error while loading shared libraries: libx' >&2; exit 127", "libraries"),
    "not executable": ("exit 126", "did not start"),
    "disk full": ("echo '[error] Error writing: No space left on device' >&2; exit 228", "No space left"),
    "memory": ("echo '[fatal] Cannot allocate memory' >&2; exit 1", "Cannot allocate memory"),
    "open files": ("echo '[error] a.avi: Too many open files' >&2; exit 1", "Too many open files"),
}


@pytest.fixture
def tree(tmp_path, moving):
    """A data set of two training clips and one test clip, in HMDB51's layout."""
    splits, videos = tmp_path / "splits", tmp_path / "videos" / "jump"
    splits.mkdir()
    (splits / "jump_test_split1.txt").write_text("a.avi 1\nb.avi 1\nc.avi 2\n")
    for name in "abc":
        write_video(videos / f"{name}.avi", moving[:4], 25)
    return tmp_path


def list_tree(tree):
    files = (tree / name for name in ("m.csv", "left_out.csv", "notes.csv"))
    dataset = dataset_in("hmdb51", classes=["jump"])
    return list_clips(dataset, tree / "videos", tree / "splits", *files)


@pytest.mark.parametrize("end", ENDS)
def test_an_ffmpeg_that_the_machine_ends_stops_the_listing(tree, fake_ffmpeg, end):
    line, message = ENDS[end]
    fake_ffmpeg(f"if [ $n = 2 ]; then {line}; fi", "REAL")
    with pytest.raises(FfmpegError, match=message) as caught:
        list_tree(tree)
    assert f"decoding {tree}/videos/jump/b.avi" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tree.glob("*.csv"))
    # The next run goes on: only the second call was ended.
    assert len(list_tree(tree)) == 3


def test_training_videos_and_the_command_line(tree, fake_ffmpeg, capfd):
    fake_ffmpeg("if [ $n = 2 ]; then kill -KILL $$; fi", "REAL")
    with pytest.raises(FfmpegError, match="SIGKILL"):
        list_videos(config.TrainingVideos(), tree / "videos", tree / "m.csv", tree / "left_out.csv")
    (tree / "bin" / "calls").unlink()
    request = ListVideos.of(config.TrainingVideos(), scale=4)
    root, out = ["--request", request.text(), "--root", str(tree / "videos")], ["--out", str(tree / "m.csv")]
    assert main(["list-videos", *root, *out, "--left-out", str(tree / "left_out.csv")]) == 1
    assert capfd.readouterr().err.startswith("list-videos: FfmpegError: decoding ")
    assert not list(tree.glob("*.csv"))


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_an_ffmpeg_killed_at_work_is_no_broken_clip(tmp_path, end):
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    write_video(tmp_path / "a.avi", (np.roll(noise, t, 0) for t in range(40)), 25)
    before = set(psutil.Process().children())
    reader = read_frames(tmp_path / "a.avi")
    next(reader)
    (child,) = set(psutil.Process().children()) - before
    getattr(child, end)()
    with pytest.raises(FfmpegError, match="killed"):
        list(reader)


@pytest.mark.parametrize("end", ["killed", "killed below a shell", "disk full"])
def test_writing_says_so_too_and_leaves_nothing(tmp_path, moving, fake_ffmpeg, end):
    line, message = ENDS[end]
    fake_ffmpeg(line)
    (tmp_path / "out").mkdir()
    # A full disk is reported as for any other file, with the free space.
    error, start = (DiskFullError, "a.avi: ") if end == "disk full" else (FfmpegError, "encoding .*a.avi: .*")
    with pytest.raises(error, match=start + message):
        write_video(tmp_path / "out" / "a.avi", moving, 25)
    assert not list((tmp_path / "out").iterdir())


def test_a_binary_that_does_not_start(tmp_path, film, monkeypatch):
    monkeypatch.setattr("pipeline.video.frames.find_ffmpeg", lambda: str(tmp_path / "none"))
    with pytest.raises(FfmpegError, match="did not start: No such file"):
        list(read_frames(film))


def test_no_thread_left(tmp_path, film, monkeypatch):
    before = set(psutil.Process().children())
    monkeypatch.setattr("threading.Thread.start", no_thread)
    with pytest.raises(FfmpegError, match="can't start new thread; run again with fewer jobs"):
        list(read_frames(film))
    assert set(psutil.Process().children()) <= before


def no_thread(*_):
    raise RuntimeError("can't start new thread")


def test_no_ffmpeg_at_all(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nowhere/ffmpeg")
    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", no_binary)
    find_ffmpeg.cache_clear()
    try:
        with pytest.raises(FfmpegError, match=r"no ffmpeg: none of version 5\.1 or later"):
            find_ffmpeg()
    finally:
        find_ffmpeg.cache_clear()


def no_binary():
    raise RuntimeError("No ffmpeg exe could be found.")


def test_an_ffmpeg_killed_when_asked_for_its_version(tmp_path, monkeypatch):
    """Another ffmpeg in its place might decode other frames."""
    (tmp_path / "ffmpeg").write_text("#!/bin/sh\nkill -KILL $$\n")
    (tmp_path / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    find_ffmpeg.cache_clear()
    try:
        with pytest.raises(FfmpegError, match="SIGKILL"):
            find_ffmpeg()
    finally:
        find_ffmpeg.cache_clear()


def test_a_disk_that_cannot_be_read_is_no_broken_clip(tmp_path, film, monkeypatch):
    """ffmpeg takes a failed read for the end of the file."""
    (tmp_path / "cut.mp4").write_bytes(film.read_bytes()[:2000])
    with pytest.raises(VideoError):
        list(read_frames(tmp_path / "cut.mp4"))
    monkeypatch.setattr("pathlib.Path.open", fail)
    with pytest.raises(FfmpegError, match="cannot be read: Input/output error"):
        list(read_frames(tmp_path / "cut.mp4"))


def fail(*_, **__):
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_ffmpegs_own_statuses_are_no_signals():
    """Errors' numbers modulo 256, since ffmpeg 6.1: of -EINVAL, invalid data, -EIO, -EPERM, ..."""
    assert [process._signal_name(code) for code in (0, 1, 8, 69, 183, 234, 251, 255)] == [None] * 8
