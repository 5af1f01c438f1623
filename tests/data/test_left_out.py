"""Clips that a listing leaves out or notes, and how users are informed."""

import csv
import subprocess

import numpy as np
import pytest
import yaml
from layouts import dataset as dataset_in
from layouts import list_clips, list_videos
from workflow import Project

from pipeline import config
from pipeline.cli import main
from pipeline.data.losses import count_losses
from pipeline.data.request import ListClips
from pipeline.video.frames import find_ffmpeg, write_video


@pytest.fixture
def tree(tmp_path):
    """HMDB51's layout: a and c are fine, b is cut short, d is not there, e is unused, f in no list.

    ffmpeg complains about c: H.264 without key frames, cut; all its frames are right.
    """
    splits, videos = tmp_path / "splits", tmp_path / "videos" / "jump"
    splits.mkdir()
    lines = ["a.avi 1", "b.avi 1", "c.avi 2", "d.avi 2", "e.avi 0"]
    (splits / "jump_test_split1.txt").write_text("\n".join(lines) + "\n")
    y, x, t = np.ogrid[:32, :48, :60]
    waves = (127 + 100 * np.sin(x / 3 + y / 7 + t / 2)).astype(np.uint8)
    frames = np.moveaxis(waves, 2, 0)[..., None].repeat(3, axis=-1)
    for name in "abef":
        write_video(videos / f"{name}.avi", frames[:4], 25)
    whole = (videos / "b.avi").read_bytes()
    (videos / "b.avi").write_bytes(whole[: len(whole) // 2])
    refresh = {"vcodec": "libx264", "x264-params": "intra-refresh=1:keyint=12"}
    write_video(tmp_path / "c.mp4", frames, 25, **refresh)
    cut = ["-ss", "1", "-i", tmp_path / "c.mp4", "-c", "copy", videos / "c.mp4"]
    subprocess.run([find_ffmpeg(), "-v", "error", *cut], check=True)
    return tmp_path


def read(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.reader(file))


def test_notes_are_kept_beside_what_is_left_out(tree):
    files = [tree / name for name in ("m.csv", "left_out.csv", "notes.csv")]
    clips = list_clips(dataset_in("hmdb51"), tree / "videos", tree / "splits", *files)
    assert [clip.id for clip in clips] == ["jump/a", "jump/c"]
    header, *notes = read(tree / "notes.csv")
    assert header == ["clip", "note"]
    assert {clip for clip, _ in notes} == {"jump/c"}
    assert ["jump/c", "h264: mmco: unref short failure"] in notes
    list_videos(config.TrainingVideos(), tree / "videos", *files)
    assert {clip for clip, _ in read(tree / "notes.csv")[1:]} == {"jump__c"}


def test_a_lost_clip_is_on_the_terminal_and_an_unlisted_one_is_not(tree, capfd):
    request = ListClips(name="Jumps", dataset=dataset_in("hmdb51"), scale=4)
    dataset = ["--request", request.text()]
    folders = ["--root", str(tree / "videos"), "--splits", str(tree / "splits")]
    files = ["--out", str(tree / "m.csv"), "--left-out", str(tree / "left_out.csv")]
    assert main(["list-clips", *dataset, *folders, *files]) == 0
    # A rule sends standard error to the job's log.
    message = f"left out: Jumps 2 of 4 clips (broken 1, no such file 1), see {tree / 'left_out.csv'}\n"
    assert capfd.readouterr().out == message
    write_video(tree / "videos" / "jump" / "b.avi", np.zeros((3, 32, 48, 3), np.uint8), 25)
    write_video(tree / "videos" / "jump" / "d.avi", np.zeros((3, 32, 48, 3), np.uint8), 25)
    assert main(["list-clips", *dataset, *folders, *files]) == 0
    assert capfd.readouterr().out == ""
    assert count_losses("Jumps", 4, tree / "left_out.csv").lost == 0


@pytest.mark.slow
def test_a_run_ends_with_what_was_left_out(tree, root, tmp_path):
    project = Project.copy(root, tmp_path / "project")
    content = yaml.safe_load((root / "tests/micro/config.yaml").read_text())
    videos = {"root": str(tree / "videos"), "splits": str(tree / "splits")}
    content["datasets"] = {"jumps": {"layout": "hmdb51", "label": "Jumps", **videos}}
    content["training_videos"] = {"root": str(tree / "videos")}
    for section in ("demo", "tables", "quality"):
        del content[section]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(content))
    arguments = ["--cores", "1", "--configfile", tmp_path / "config.yaml", "--"]
    run = project.snakemake(*arguments, "results/data/jumps/manifest.csv")
    message = "umps 2 of 4 clips (broken 1, no such file 1), see results/data/jumps/left_out.csv"
    # The job says so when it ends, Snakemake when the run does.
    assert f"left out: j{message}" in run.stdout.splitlines()
    assert f"left out: J{message}" in run.stderr.splitlines()
    assert "jump/d" in (project.folder / "results/logs/list_clips/jumps.log").read_text()
    assert (project.folder / "results/data/jumps/notes.csv").is_file()
