"""Decoding and encoding with the real ffmpeg."""

import subprocess

import numpy as np
import psutil
import pytest

from pipeline.video import frames as module
from pipeline.video.frames import VideoError, find_ffmpeg, read_frames, write_video

LOSSLESS = {"vcodec": "ffv1", "pix_fmt": "gbrp"}


@pytest.fixture
def clip():
    return np.random.default_rng(0).integers(0, 256, (7, 24, 38, 3), dtype=np.uint8)


@pytest.fixture
def smooth():
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    grid = np.stack(np.broadcast_arrays(ramp[:48, None], ramp[None, :], ramp[None, ::-1]), axis=-1)
    return np.stack([np.roll(grid, t, axis=1) for t in range(30)])


def test_lossless_round_trip(tmp_path, clip):
    assert write_video(tmp_path / "a.mkv", iter(clip), 25, **LOSSLESS) == 7
    np.testing.assert_array_equal(np.stack(list(read_frames(tmp_path / "a.mkv"))), clip)


def test_default_is_mpeg4_of_high_quality(tmp_path, smooth):
    write_video(tmp_path / "a.avi", smooth, 25)
    result = np.stack(list(read_frames(tmp_path / "a.avi")))
    assert result.shape == smooth.shape
    assert np.abs(result[:, :, 32:].astype(int) - smooth[:, :, 32:]).mean() < 6


def test_same_frames_give_the_same_file(tmp_path, smooth):
    for name in ("a.avi", "b.avi"):
        write_video(tmp_path / name, smooth, 25)
    assert (tmp_path / "a.avi").read_bytes() == (tmp_path / "b.avi").read_bytes()


@pytest.mark.parametrize("name", ["a:b.mkv", "-odd name [x]!;(y)&#.mkv", "50%d.mkv"])
def test_odd_names(tmp_path, clip, name):
    write_video(tmp_path / name, clip, 25, **LOSSLESS)
    assert len(list(read_frames(tmp_path / name))) == 7


def test_uneven_time_stamps_neither_repeat_nor_drop_frames(tmp_path, clip):
    write_video(tmp_path / "a.mkv", clip, 25, **LOSSLESS)
    # Frame t at t^2 hundredths of a second: a decoder that keeps a steady rate would repeat and drop.
    command = [find_ffmpeg(), "-v", "error", "-i", str(tmp_path / "a.mkv"), "-vf", "setpts=N*N*0.01/TB"]
    output = ["-fps_mode", "passthrough", "-c:v", "ffv1", str(tmp_path / "b.mkv")]
    subprocess.run([*command, *output], check=True)
    np.testing.assert_array_equal(np.stack(list(read_frames(tmp_path / "b.mkv"))), clip)


def test_max_frames(tmp_path, clip):
    write_video(tmp_path / "a.mkv", clip, 25, **LOSSLESS)
    assert len(list(read_frames(tmp_path / "a.mkv", 3))) == 3
    assert len(list(read_frames(tmp_path / "a.mkv", 99))) == 7


def test_closing_early_ends_ffmpeg(tmp_path):
    grey = np.random.default_rng(1).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    write_video(tmp_path / "a.avi", (np.roll(grey, t, 0) for t in range(40)), 25)
    before = set(psutil.Process().children())
    reader = read_frames(tmp_path / "a.avi")
    next(reader)
    assert len(set(psutil.Process().children()) - before) == 1
    reader.close()
    assert set(psutil.Process().children()) <= before


def test_truncated_file_is_reported_after_its_good_frames(tmp_path, smooth):
    write_video(tmp_path / "a.avi", smooth, 25)
    data = (tmp_path / "a.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(data[: len(data) // 2])
    frames = []
    with pytest.raises(VideoError, match=r"cut\.avi: .*(\d+) frames came") as caught:
        frames.extend(read_frames(tmp_path / "cut.avi"))
    assert 0 < len(frames) < 30
    assert caught.value.frames == len(frames)


def test_truncated_real_clip(tmp_path, real_data):
    source = sorted((real_data / "ucf101").glob("*/*.avi"))[0]
    (tmp_path / "cut.avi").write_bytes(source.read_bytes()[:150_000])
    with pytest.raises(VideoError, match=r"mpeg4: .*\d\d frames came"):
        list(read_frames(tmp_path / "cut.avi"))


def test_files_that_are_no_videos(tmp_path):
    (tmp_path / "text.avi").write_text("no video")
    with pytest.raises(VideoError, match=r"text\.avi: .*Invalid data.* \(0 frames came\)"):
        list(read_frames(tmp_path / "text.avi"))
    with pytest.raises(VideoError, match="no such video"):
        list(read_frames(tmp_path / "none.avi"))


def test_writing_mistakes_leave_nothing(tmp_path, clip):
    with pytest.raises(VideoError, match="no frames"):
        write_video(tmp_path / "a.avi", [], 25)
    with pytest.raises(VideoError, match=r"frame 1 is \(24, 30, 3\)"):
        write_video(tmp_path / "a.avi", [clip[0], clip[0, :, :30]], 25)
    with pytest.raises(VideoError, match="encoder"):
        write_video(tmp_path / "a.avi", clip, 25, vcodec="nonsense")
    with pytest.raises(RuntimeError, match="mine"):
        write_video(tmp_path / "a.avi", failing(clip), 25)
    assert list(tmp_path.iterdir()) == []


def failing(clip):
    yield clip[0]
    raise RuntimeError("mine")


@pytest.mark.parametrize(
    ("banner", "taken"),
    [
        ("ffmpeg version 4.4.2-0ubuntu0", False),
        ("ffmpeg version n7.1 Copyright", True),
        ("ffmpeg version 5.1.4", True),
    ],
)
def test_an_old_system_ffmpeg_is_passed_over(tmp_path, monkeypatch, banner, taken):
    script = tmp_path / "ffmpeg"
    script.write_text(f"#!/bin/sh\necho '{banner}'\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    module.find_ffmpeg.cache_clear()
    try:
        assert (find_ffmpeg() == str(script)) is taken
    finally:
        module.find_ffmpeg.cache_clear()
