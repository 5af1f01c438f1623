"""Clips that another tool super-resolved: found by name, compared with the data set, read into the store."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.made import clips_folder, find_made
from pipeline.data.manifest import Clip, read_manifest, write_manifest
from pipeline.data.plan import ClipPlan, write_plan
from pipeline.export_lr import LOSSLESS, write_pictures
from pipeline.superres.imported import FramesError, check_frames, import_frames
from pipeline.superres.request import CheckFrames, ImportFrames
from pipeline.video.frames import write_video
from pipeline.video.store import ShardReader

FRAMES, HEIGHT, WIDTH = 7, 32, 40
CLIPS = ("Run/a", "Run/b", "Café/c")


def pixels(name: str, frames: int = FRAMES, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Different frames for each clip."""
    seed = CLIPS.index(name)
    return np.random.default_rng(seed).integers(0, 256, (frames, height, width, 3), dtype=np.uint8)


@pytest.fixture
def made(tmp_path) -> Path:
    """A data set of three test clips, and a tool's results: a video, pictures, a video named otherwise."""
    clips = [Clip(n, f"{n}.avi", n[:-2], 0, "test", FRAMES, HEIGHT, WIDTH, 0) for n in CLIPS]
    clips.append(Clip("Run/t", "t.avi", "Run", 0, "train", FRAMES, HEIGHT, WIDTH, 0))
    write_manifest(tmp_path / "manifest.csv", clips)
    write_plan(tmp_path / "plan.json", {name: ClipPlan(frames=[1], fields=[3, 6]) for name in CLIPS})
    folder = tmp_path / "made"
    (folder / "Run").mkdir(parents=True)
    write_video(folder / "Run/a.mkv", pixels("Run/a"), 25, **LOSSLESS)
    write_pictures(folder / "Run/b", pixels("Run/b"))
    # Another case, another suffix, and accents as macOS stores them.
    (folder / "deep/cafe\u0301").mkdir(parents=True)
    write_video(folder / "deep/cafe\u0301/C.avi.mkv", pixels("Café/c"), 25, **LOSSLESS)
    return tmp_path


def check(folder: Path) -> Path:
    request = CheckFrames(dataset="clips", row="mine", split="test")
    check_frames(request, folder / "made", folder / "manifest.csv", folder / "clips.csv")
    return folder / "clips.csv"


def refusal(folder: Path) -> list[str]:
    with pytest.raises(FramesError) as caught:
        check(folder)
    assert not (folder / "clips.csv").exists()
    first, *lines = str(caught.value).splitlines()
    assert first.startswith("methods.mine.frames: ")
    assert "of 3 test clips of clips" in first
    return [line.strip() for line in lines]


def test_planned_frames_come_back_byte_for_byte_whatever_the_form_and_the_name(made):
    clips = check(made)
    assert [clip.id for clip in read_manifest(clips)] == list(CLIPS)
    import_frames(ImportFrames(split="test", shard=0), clips, made / "plan.json", made / "sr.h5")
    with ShardReader(made / "sr.h5") as store:
        assert store.clips == sorted(CLIPS)
        for name in CLIPS:
            assert store.index(name).tolist() == [1, 3, 4, 6]  # frame 7 of field 6 does not exist
            assert np.array_equal(store.read(name, [1, 3, 4, 6]), pixels(name)[[1, 3, 4, 6]])


def test_without_a_plan_all_frames_are_read(made):
    import_frames(ImportFrames(split="test", shard=0), check(made), None, made / "sr.h5")
    with ShardReader(made / "sr.h5") as store:
        assert np.array_equal(store.read("Run/b", range(FRAMES)), pixels("Run/b"))


def test_a_compressed_video_is_taken(made):
    write_video(made / "made/Run/a.mkv", pixels("Run/a"), 25, vcodec="libx264", pix_fmt="yuv420p", crf=20)
    import_frames(ImportFrames(split="test", shard=0), check(made), made / "plan.json", made / "sr.h5")
    with ShardReader(made / "sr.h5") as store:
        error = store.read("Run/a", [3])[0].astype(float) - pixels("Run/a")[3]
    assert 0 < np.abs(error).mean() < 60


def test_a_folder_without_class_folders(made):
    for path in list((made / "made").rglob("*.mkv")):
        path.rename(made / "made" / path.name)
    (made / "made/Run/b").rename(made / "made/b")
    found, missing = find_made(made / "made", CLIPS)
    assert missing == []
    assert {name: path.name for name, path in found.items()} == {
        "Run/a": "a.mkv",
        "Run/b": "b",
        "Café/c": "C.avi.mkv",
    }


def test_every_mismatch_is_named_at_once(made):
    write_video(made / "made/Run/a.mkv", pixels("Run/a", frames=FRAMES - 1), 25, **LOSSLESS)
    write_pictures(made / "made/Run/b", pixels("Run/b", width=WIDTH - 4))
    shutil.rmtree(made / "made/deep")
    lines = refusal(made)
    assert sorted(lines) == sorted(
        [
            f"{made}/made/Run/a.mkv: 6 frames, expected 7",
            f"{made}/made/Run/b: frames of 36x32, expected 40x32",
            "Café/c: no such video or folder of pictures",
        ]
    )


def test_files_that_cannot_be_read(made):
    video = made / "made/Run/a.mkv"
    video.write_bytes(video.read_bytes()[:2000])
    (made / "made/Run/b/000003.png").write_bytes(b"no picture")
    lines = refusal(made)
    assert any(line.startswith(f"{video}: ") for line in lines)
    assert any(line.startswith(f"{made}/made/Run/b: 000003.png: broken") for line in lines)


def test_a_missing_picture_inside_and_two_files_of_one_name(made):
    (made / "made/Run/b/000003.png").unlink()
    write_pictures(made / "made/Run/a", pixels("Run/a"))
    lines = refusal(made)
    assert any("frame 3 is missing between" in line for line in lines)
    assert any(line.startswith("Run/a: found 2 of this name") for line in lines)


def test_many_mismatches_are_counted(made):
    clips = [Clip(f"Run/{n:03}", "v.avi", "Run", 0, "test", FRAMES, HEIGHT, WIDTH, 0) for n in range(50)]
    write_manifest(made / "manifest.csv", clips)
    with pytest.raises(FramesError) as caught:
        check(made)
    assert "50 of 50 test clips" in str(caught.value)
    assert str(caught.value).splitlines()[-1].strip() == "and 20 more"


def test_a_file_that_changes_after_the_check_is_refused(made):
    clips = check(made)
    Image.fromarray(pixels("Run/a")[0]).save(made / "made/Run/b/000003.png")
    with pytest.raises(FramesError, match=r"Run/b: changed since it was checked"):
        import_frames(ImportFrames(split="test", shard=0), clips, made / "plan.json", made / "sr.h5")


def test_where_the_clips_of_a_data_set_lie(tmp_path):
    assert clips_folder(tmp_path, "one", ["one"]) == tmp_path
    assert clips_folder(tmp_path, "one", ["one", "two"]) == tmp_path / "one"
    (tmp_path / "one").mkdir()
    assert clips_folder(tmp_path, "one", ["one"]) == tmp_path / "one"
