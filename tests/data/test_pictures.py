"""Clips that are folders of pictures, wherever a video may stand."""

# Messages are easier to compare on one line.
# ruff: noqa: E501

import numpy as np
import pytest
from layouts import dataset, degrading, list_clips, list_videos
from PIL import Image

from pipeline import config
from pipeline.content import Contents, content_hash
from pipeline.data.folder import find_videos
from pipeline.data.inventory import clips_inventory, videos_inventory
from pipeline.data.prepare import prepare_clips
from pipeline.data.request import PrepareClips
from pipeline.video.frames import VideoError, read_frames, write_video
from pipeline.video.store import ShardReader


def draw(seed=0, count=12, size=(34, 46)):
    return np.random.default_rng(seed).integers(0, 256, (count, *size, 3), dtype=np.uint8)


def save(folder, frames, form="{:05d}.png", first=1, mode="RGB"):
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames, first):
        Image.fromarray(frame).convert(mode).save(folder / form.format(number))


@pytest.mark.parametrize(
    "form", ["{:06d}.png", "{}.png", "img_{:05d}.PNG", "v_a_g01_c01_{:04d}.png", "clip2 {}.png"]
)
@pytest.mark.parametrize("first", [0, 1, 95])
def test_frames_come_in_the_order_of_their_numbers(tmp_path, form, first):
    frames = draw()
    save(tmp_path / "clip", frames, form, first)
    np.testing.assert_array_equal(np.stack(list(read_frames(tmp_path / "clip"))), frames)
    np.testing.assert_array_equal(np.stack(list(read_frames(tmp_path / "clip", 5))), frames[:5])


def test_jpeg_grey_and_transparent_pictures_become_rgb(tmp_path):
    frames = draw(count=3)
    save(tmp_path / "jpg", frames, "{}.jpg")
    save(tmp_path / "grey", frames, mode="L")
    save(tmp_path / "clear", frames, mode="RGBA")
    assert {frame.shape for frame in read_frames(tmp_path / "jpg")} == {(34, 46, 3)}
    grey = np.stack(list(read_frames(tmp_path / "grey")))
    assert (grey[..., 0] == grey[..., 2]).all()
    np.testing.assert_array_equal(np.stack(list(read_frames(tmp_path / "clear"))), frames)


def test_other_files_and_tsns_flow_are_no_frames(tmp_path):
    frames = draw(count=3)
    save(tmp_path / "clip", frames, "img_{:05d}.png")
    for axis in "xy":
        save(tmp_path / "clip", draw(1, 2), f"flow_{axis}_{{:05d}}.png")
    for name in ("n_frames", "audio.wav", ".DS_Store", "cover.png", "._img_00001.png"):
        (tmp_path / "clip" / name).write_bytes(b"x")
    np.testing.assert_array_equal(np.stack(list(read_frames(tmp_path / "clip"))), frames)


@pytest.mark.parametrize(
    ("change", "reason", "frames"),
    [
        (lambda clip: (clip / "00004.png").unlink(), "frame 4 is missing between 00003.png and 00005.png", 0),
        (lambda clip: [(clip / f"0000{n}.png").unlink() for n in (4, 5)], "frame 4 to 5 is missing between", 0),
        (lambda clip: save(clip, draw(count=1), "{:06d}.png", 2), "it holds frame 2 twice, 000002.png and 00002.png", 0),
        (lambda clip: save(clip, draw(count=1), "b{}.png"), "it holds pictures of two names, 00012.png and b1.png", 0),
        (lambda clip: save(clip, draw(count=1, size=(20, 20)), first=3), "its resolution changes on the way: 00003.png is 20x20, the pictures before it are 46x34", 2),
        (lambda clip: (clip / "00003.png").write_bytes((clip / "00003.png").read_bytes()[:900]), "00003.png: broken", 2),
        (lambda clip: (clip / "00003.png").write_bytes(b"GIF89a"), "00003.png: broken: neither PNG nor JPEG", 2),
        (lambda clip: Image.fromarray(np.zeros((34, 46), np.uint16)).save(clip / "00003.png"), "00003.png: its pixels are I;16; expected 8 bits", 2),
    ],
)  # fmt: skip
def test_what_is_no_whole_clip_is_broken_and_says_why(tmp_path, change, reason, frames):
    save(tmp_path / "clip", draw())
    change(tmp_path / "clip")
    with pytest.raises(VideoError, match=reason) as error:
        list(read_frames(tmp_path / "clip"))
    assert error.value.frames == frames
    assert f"({frames} frames came)" in str(error.value)


@pytest.fixture
def tree(tmp_path):
    """HMDB51's layout with videos and folders of pictures, and lists of annotations for the same clips."""
    save(tmp_path / "videos/jump/a", draw(0))
    save(tmp_path / "videos/jump/b.avi", draw(1), "img_{}.png")
    write_video(tmp_path / "videos/jump/c.mkv", draw(2), 25, vcodec="ffv1", pix_fmt="gbrp")
    save(tmp_path / "videos/jump/d", [*draw(3, 2), *draw(4, 1, (8, 8))])
    (tmp_path / "videos/jump/cover1.jpg").write_bytes(b"x")
    for name, lines in {
        "splits/jump_test_split1.txt": ["a.avi 1", "b.avi 2", "c.avi 1", "d.avi 1"],
        "lists/train.txt": ["jump/a 12 0", "jump/c 12 0", "jump/d 3 0"],
        "lists/val.txt": ["jump/b.avi 0"],
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("\n".join(lines))
    return tmp_path


@pytest.mark.parametrize(("layout", "lists"), [("hmdb51", "splits"), ("annotations", "lists")])
def test_they_stand_beside_videos_in_all_layouts(tree, layout, lists):
    files = [tree / name for name in ("m.csv", "left_out.csv", "notes.csv")]
    clips = list_clips(dataset(layout), tree / "videos", tree / lists, *files)
    assert {
        clip.id.split("/")[-1]: (clip.frames, clip.height, clip.width) for clip in clips
    } == dict.fromkeys("acb", (12, 32, 44))
    assert "8x8" in files[1].read_text()
    prepare_clips(
        PrepareClips(split="test", shard=0, **degrading()), files[0], tree / "hr.h5", tree / "lr.h5"
    )
    with ShardReader(tree / "hr.h5") as hr:
        np.testing.assert_array_equal(hr.read(hr.clips[0], range(12)), draw(1)[:, :32, :44])


def test_training_videos_may_be_folders_of_pictures(tree):
    assert [name for name, _ in find_videos(tree / "videos")[0]] == [
        "jump__a",
        "jump__b",
        "jump__c",
        "jump__d",
    ]
    files = [tree / name for name in ("m.csv", "left_out.csv")]
    assert [c.id for c in list_videos(config.TrainingVideos(), tree / "videos", *files)] == [
        "jump__a", "jump__b", "jump__c"]  # fmt: skip


def test_a_folder_is_a_clip_only_if_it_holds_nothing_else_that_counts(tmp_path):
    save(tmp_path / "one", draw(count=1))
    save(tmp_path / "class", draw(count=2))
    save(tmp_path / "class/clip", draw(count=2))
    save(tmp_path / "thumbnails", draw(count=2))
    (tmp_path / "thumbnails/a.avi").write_bytes(b"x")
    assert [name for name, _ in find_videos(tmp_path)[0]] == ["class__clip", "thumbnails__a"]


def test_every_picture_counts_as_content(tree):
    section = dataset("hmdb51")

    def marks():
        contents = Contents(tree / "memory.json")
        return (
            clips_inventory(section, tree / "videos", tree / "splits", contents),
            videos_inventory(tree / "videos", contents),
            content_hash(tree / "videos/jump/a"),
        )

    seen = [marks()]
    assert marks() == seen[0]
    picture = tree / "videos/jump/a/00007.png"
    save(picture.parent, draw(9, 1), first=7)
    seen.append(marks())
    save(picture.parent, draw(9, 1), first=13)
    seen.append(marks())
    picture.rename(picture.with_name("00014.png"))
    seen.append(marks())
    for kind in zip(*seen, strict=True):
        assert len(set(kind)) == 4
    (picture.parent / "notes.txt").write_text("no frame")
    assert marks() == seen[-1]
