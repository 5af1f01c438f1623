"""``recosr upscale``: frames, times and sound of its output, from a user's side."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from pipeline import load_sr, upscale
from pipeline.cli import main
from pipeline.one_video.source import StreamedFrames
from pipeline.superres.networks.basicvsr import BasicVSR
from pipeline.video.frames import read_frames
from pipeline.video.resize import imresize


def call(*arguments):
    return main(["upscale", *map(str, arguments)])


def sound(ffmpeg, path):
    """The coded packets of a file's sound, and when they are played."""
    lines = ffmpeg("-i", path, "-map", "0:a", "-c", "copy", "-f", "framecrc", "-").decode().splitlines()
    return [re.split(r", *", line) for line in lines if not line.startswith("#")]


@pytest.mark.parametrize(("name", "codec"), [("o.mp4", "h264"), ("o.mov", "h264"), ("o.mp4", "h265")])
def test_every_frame_at_its_time_with_the_same_sound(finished, film, ffmpeg, decoded, name, codec):
    assert call(film, name, "--method", "tosr", "--codec", codec) == 0
    before, clock = decoded(film)
    after, kept = decoded(name)
    assert after.shape == (24, 96, 128, 3)
    assert len(before) == 24
    assert kept.seconds == clock.seconds
    assert clock.seconds[0] == pytest.approx(0.5, abs=0.05)
    assert np.ptp(np.diff(clock.seconds)) > 0.005
    assert kept.lengths[-1] * kept.tick == clock.lengths[-1] * clock.tick
    played = sound(ffmpeg, name)
    assert len(played) > 60
    assert [packet[3:] for packet in played] == [packet[3:] for packet in sound(ffmpeg, film)]
    assert [packet[2] for packet in played] == [packet[2] for packet in sound(ffmpeg, film)]


def test_matroska_is_exact_to_the_millisecond_and_ffv1_to_the_bit(finished, film, ffmpeg, decoded):
    assert call(film, "o.mkv", "--method", "sosr", "--codec", "ffv1") == 0
    frames, clock = decoded(film)
    after, kept = decoded("o.mkv")
    np.testing.assert_allclose(kept.seconds, clock.seconds, atol=0.00051)
    np.testing.assert_array_equal(after, upscale(frames, load_sr("sosr")))
    assert [p[-1] for p in sound(ffmpeg, "o.mkv")] == [p[-1] for p in sound(ffmpeg, film)]


def test_colours_survive_h264(finished, film, decoded):
    call(film, "o.mp4", "--method", "bicubic", "--crf", "0")
    after, expected = decoded("o.mp4")[0], imresize(decoded(film)[0].astype(float), 96, 128).clip(0, 255)
    # The test pattern is of saturated stripes, whose colours have half the resolution.
    assert np.abs(after - expected).mean() < 4
    assert np.abs(after.mean((0, 1, 2)) - expected.mean((0, 1, 2))).max() < 1


@pytest.mark.parametrize("method", ["tosr", "clip"])
def test_streamed_frames_are_those_of_the_whole_clip(finished, film, decoded, method, monkeypatch):
    monkeypatch.setattr(BasicVSR, "segment", 5)
    monkeypatch.setattr(BasicVSR, "overlap", 3)
    seen = []
    read = StreamedFrames.read
    monkeypatch.setattr(StreamedFrames, "read", lambda *a: (read(*a), seen.append(len(a[0]._kept)))[0])
    (finished / "config.yaml").write_text(
        (finished / "config.yaml").read_text().replace("superres:\n", "superres:\n  batch_pixels: 50000\n", 1)
    )
    call(film, "o.mkv", "--method", method, "--codec", "ffv1")
    expected = upscale(decoded(film)[0], load_sr(method))
    assert abs(decoded("o.mkv")[0].astype(int) - expected).max() <= 1
    assert max(seen) <= 11  # of 24: what the network sees at once


def test_two_pictures_beside_each_other(finished, film, decoded):
    call(film, "o.mkv", "--method", "sosr", "--codec", "ffv1", "--compare")
    frames, pairs = decoded(film)[0], decoded("o.mkv")[0]
    assert pairs.shape == (24, 96, 256, 3)
    expected = imresize(frames.astype(float), 96, 128).clip(0, 255)
    np.testing.assert_allclose(pairs[:, :, :128], expected, atol=0.501)
    np.testing.assert_array_equal(pairs[:, :, 128:], upscale(frames, load_sr("sosr")))


def test_wide_pixels_stay_wide(finished, film, ffmpeg, decoded):
    ffmpeg("-i", film, "-frames:v", 3, "-an", "-vf", "setsar=16/11", "wide.mkv")
    call("wide.mkv", "o.mp4", "--method", "bicubic")
    assert decoded("o.mp4")[1].shape == decoded("wide.mkv")[1].shape == pytest.approx(16 / 11)


@pytest.mark.parametrize("name", ["one.mkv", "odd.avi", "silent.webm"])
def test_other_videos(finished, film, ffmpeg, decoded, name):
    options = {
        "one.mkv": ["-frames:v", 1, "-c:v", "ffv1"],
        "odd.avi": ["-vf", "scale=31:23", "-c:v", "ffv1", "-c:a", "pcm_s16le"],
        "silent.webm": ["-an", "-c:v", "libvpx-vp9", "-frames:v", 5],
    }
    ffmpeg("-i", film, *options[name], name)
    assert call(name, "o.mkv", "--method", "tosr") == 0
    before, after = decoded(name), decoded("o.mkv")
    assert after[0].shape == (len(before[0]), 4 * before[0].shape[1], 4 * before[0].shape[2], 3)
    np.testing.assert_allclose(after[1].seconds, before[1].seconds, atol=0.00051)


def test_a_checkpoint_names_its_network(finished, film, decoded):
    weights = finished / "results/superres/models/sosr.safetensors"
    call(film, "o.mkv", "--weights", weights, "--codec", "ffv1")
    np.testing.assert_array_equal(decoded("o.mkv")[0], upscale(decoded(film)[0], load_sr("sosr")))
    assert call(film, "b.mkv", "--network", "bicubic") == 0


def test_a_folder_of_videos_goes_on_where_it_stopped(finished, film, ffmpeg, decoded, capsys):
    (finished / "in/deep").mkdir(parents=True)
    for name in ("a.mp4", "deep/b.mp4", "deep/b.mov"):
        ffmpeg("-i", film, "-c", "copy", "-frames:v", 2, f"in/{name}")
    Path("in/broken.mp4").write_bytes(b"no video")
    Path("in/notes.txt").write_text("not even called one")
    assert call("in", "out", "--method", "bicubic") == 1
    said = capsys.readouterr().err
    assert "left out: in/broken.mp4: " in said
    assert "1 of 4 videos failed: broken.mp4" in said
    names = {"a.mp4", "deep/b.mp4.mp4", "deep/b.mov.mp4"}
    assert {str(p.relative_to("out")) for p in Path("out").rglob("*.*")} == names
    assert decoded("out/deep/b.mov.mp4")[0].shape == (2, 96, 128, 3)
    changed = Path("out/a.mp4").stat().st_mtime_ns
    Path("in/broken.mp4").unlink()
    Path("out/deep/b.mp4.mp4").unlink()
    assert call("in", "out", "--method", "bicubic") == 0
    assert "out/a.mp4: exists, skipped" in capsys.readouterr().err
    assert Path("out/a.mp4").stat().st_mtime_ns == changed
    assert Path("out/deep/b.mp4.mp4").is_file()


WRONG = {
    "not a video": (["config.yaml", "o.mp4", "--method", "sosr"], r"config\.yaml: .*"),
    "no such video": (["none.mp4", "o.mp4", "--method", "sosr"], r"none\.mp4: no such video file"),
    "unknown method": (
        ["FILM", "o.mp4", "--method", "sosrr"],
        "no method 'sosrr' .* known: bicubic, sosr, tosr",
    ),
    "a pairing": (
        ["FILM", "o.mp4", "--method", "sosr_tosr"],
        "pairs the frames of sosr .* name one of the two",
    ),
    "hr": (["FILM", "o.mp4", "--method", "hr"], "no method 'hr'"),
    "no method": (["FILM", "o.mp4"], "give --method, one of bicubic, sosr, tosr, clip"),
    "not trained": (
        ["FILM", "o.mp4", "--method", "later"],
        r"no weights of later: .*later\.safetensors does not exist; make it: .* run --configfile "
        r"config\.yaml -- results/superres/models/later\.safetensors",
    ),
    "no weights": (["FILM", "o.mp4", "--weights", "w.pth"], r"w\.pth: no such file of weights"),
    "whose weights": (
        ["FILM", "o.mp4", "--weights", "config.yaml"],
        "does not say which network .* --network vdsr",
    ),
    "no network": (["FILM", "o.mp4", "--network", "vdsrr"], "no 'vdsrr' among .*vdsr"),
    "args of a method": (
        ["FILM", "o.mp4", "--method", "sosr", "--args", "{}"],
        "--args belongs to --network",
    ),
    "both": (["FILM", "o.mp4", "--method", "sosr", "--network", "vdsr"], "leave out --weights and --network"),
    "exists": (["FILM", "here.mp4", "--method", "sosr"], r"here\.mp4: exists; .* --force"),
    "is a folder": (["FILM", "results", "--method", "sosr"], r"results: is a folder; .* results/in\.mp4"),
    "itself": (["here.mp4", "here.mp4", "--method", "sosr", "--force"], "is the video itself"),
    "container": (
        ["FILM", "o.avi", "--method", "sosr"],
        r"o\.avi: h264 is written to \.mp4 or \.mkv or \.mov",
    ),
    "ffv1": (["FILM", "o.mp4", "--method", "sosr", "--codec", "ffv1"], r"ffv1 is written to \.mkv"),
    "no configuration": (
        ["FILM", "o.mp4", "--method", "sosr", "--configfile", "c.yaml"],
        r"c\.yaml: no such conf",
    ),
    "a file for a folder": (
        [".", "here.mp4", "--method", "sosr"],
        r"here\.mp4: is a file, but \. is a folder",
    ),
    "an empty folder": (["results", "o", "--method", "sosr"], "results: no videos in this folder"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_line(finished, film, capsys, case):
    Path("here.mp4").write_bytes(film.read_bytes())
    before = {p: p.stat().st_mtime_ns for p in finished.rglob("*")}
    arguments, expected = WRONG[case]
    assert call(*(film if word == "FILM" else word for word in arguments)) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1, said
    assert re.search(expected, said), said
    assert {p: p.stat().st_mtime_ns for p in finished.rglob("*") if p.is_file()}.items() <= before.items()


def test_sound_that_does_not_fit_the_container(finished, film, ffmpeg, capsys):
    ffmpeg("-i", film, "-frames:v", 3, "-c:a", "wmav2", "wma.mkv")
    assert call("wma.mkv", "o.mp4", "--method", "bicubic") == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert "give a name ending in .mkv" in said
    assert not Path("o.mp4").exists()
    assert call("wma.mkv", "o.mkv", "--method", "bicubic") == 0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_it_leaves_no_file_under_the_final_name(finished, ffmpeg, root, how):
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=160x120", "-frames:v", 400, "long.mp4")
    command = [sys.executable, "-m", "pipeline", "upscale", "long.mp4", "out.mp4", "--method", "tosr"]
    environment = {**psutil.Process().environ(), "PYTHONPATH": str(root)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        while not list(finished.glob(".out.mp4.*")) and process.poll() is None:
            time.sleep(0.05)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(how)
    assert process.returncode != 0
    psutil.wait_procs(children, timeout=60)
    assert not any(child.is_running() for child in children)
    assert not Path("out.mp4").exists()
    # What a SIGKILL left is removed by the next call.
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=32x24", "-frames:v", 2, "short.mp4")
    assert call("short.mp4", "out.mp4", "--method", "bicubic") == 0
    assert len(list(read_frames("out.mp4"))) == 2
    assert not list(finished.glob(".out.mp4.*"))


def test_progress_says_how_much_is_left(finished, film, capsys):
    call(film, "o.mp4", "--method", "bicubic")
    said = capsys.readouterr().err
    assert "in.mp4 Bicubic: 100%" in said
    assert "24/24" in said


def test_a_real_clip(finished, real_data, ffmpeg, decoded):
    clip = sorted((real_data / "ucf101/Archery").glob("*.avi"))[0]
    ffmpeg("-i", clip, "-c", "copy", "-frames:v", 8, "clip.avi")
    assert call("clip.avi", "o.mp4", "--method", "bicubic") == 0
    before, clock = decoded("clip.avi")
    after, kept = decoded("o.mp4")
    assert after.shape == (len(before), 960, 1280, 3)
    assert kept.seconds == clock.seconds
