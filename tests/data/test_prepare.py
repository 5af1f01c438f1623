"""The stages that prepare frames: stored frames equal the decoded, cropped or resized ones."""

import numpy as np
import pytest
from layouts import degrading, list_videos

from pipeline import config
from pipeline.data.manifest import Clip, DataError, write_manifest
from pipeline.data.prepare import prepare_clips, prepare_videos
from pipeline.data.request import PrepareClips, PrepareVideos
from pipeline.video.frames import read_frames, write_video
from pipeline.video.resize import imresize
from pipeline.video.store import ShardReader


@pytest.fixture
def video(tmp_path):
    content = np.random.default_rng(0).integers(0, 256, (6, 34, 46, 3), dtype=np.uint8)
    write_video(tmp_path / "in" / "a.mkv", content, 25, vcodec="ffv1", pix_fmt="gbrp")
    return tmp_path / "in" / "a.mkv", content


def prepare(tmp_path, *clips, shard=0):
    write_manifest(tmp_path / "m.csv", clips)
    prepare_clips(
        PrepareClips(split="test", shard=shard, **degrading()),
        tmp_path / "m.csv",
        tmp_path / "hr.h5",
        tmp_path / "lr.h5",
    )


def test_action_clips_are_cropped_and_shrunk(tmp_path, video):
    path, content = video
    clip = Clip("jump/a", str(path), "jump", 0, "test", 6, 32, 44, 0)
    prepare(tmp_path, clip, Clip("jump/b", "absent", "jump", 0, "test", 6, 32, 44, 1))
    with ShardReader(tmp_path / "hr.h5") as hr, ShardReader(tmp_path / "lr.h5") as lr:
        assert hr.clips == lr.clips == ["jump/a"]
        np.testing.assert_array_equal(hr.read("jump/a", range(6)), content[:, :32, :44])
        np.testing.assert_array_equal(lr.read("jump/a", range(6)), imresize(content[:, :32, :44], 8, 11))


def test_an_empty_shard_is_a_store(tmp_path, video):
    prepare(tmp_path, shard=3)
    with ShardReader(tmp_path / "hr.h5") as hr:
        assert hr.clips == []


@pytest.mark.parametrize(("frames", "height", "found"), [(7, 32, "has 6 frames"), (6, 40, "frames of 46x34")])
def test_a_changed_file_is_named(tmp_path, video, frames, height, found):
    with pytest.raises(DataError, match=rf"a\.mkv: {found}|a\.mkv: has {found}"):
        prepare(tmp_path, Clip("jump/a", str(video[0]), "jump", 0, "test", frames, height, 44, 0))
    assert not (tmp_path / "hr.h5").exists()
    assert not (tmp_path / "lr.h5").exists()


def test_training_videos_are_resized_by_height_and_then_cropped(tmp_path):
    content = np.random.default_rng(0).integers(0, 256, (2, 412, 720, 3), dtype=np.uint8)
    write_video(tmp_path / "in" / "a.mkv", content, 25, vcodec="ffv1", pix_fmt="gbrp")
    videos = config.TrainingVideos()
    (clip,) = list_videos(videos, tmp_path / "in", tmp_path / "v.csv", tmp_path / "left_out.csv")
    # 412 / 2 = 206 is below 240: 240 lines, 720 * 240 / 412 = 419.4 columns, cut to 416.
    assert (clip.height, clip.width) == (240, 416)
    prepare_videos(
        PrepareVideos.of(videos, shard=0, **degrading()),
        tmp_path / "v.csv",
        tmp_path / "hr.h5",
        tmp_path / "lr.h5",
    )
    with ShardReader(tmp_path / "hr.h5") as hr, ShardReader(tmp_path / "lr.h5") as lr:
        frames = hr.read("a", range(2))
        np.testing.assert_array_equal(frames, imresize(content, 240, 419)[:, :, :416])
        np.testing.assert_array_equal(lr.read("a", range(2)), imresize(frames, 60, 104))


@pytest.mark.parametrize("size", [[32, 20], [320, 240]])
def test_training_videos_are_resized(tmp_path, video, size):
    manifest = tmp_path / "v.csv"
    (clip,) = list_videos(
        config.TrainingVideos(size=size, max_frames=4), tmp_path / "in", manifest, tmp_path / "left_out.csv"
    )
    prepare_videos(
        PrepareVideos(shard=0, size=size, max_frames=4, **degrading()),
        manifest,
        tmp_path / "hr.h5",
        tmp_path / "lr.h5",
    )
    frames = np.stack(list(read_frames(clip.path)))[:4]
    if size == [32, 20]:
        expected = imresize(frames, clip.height, clip.width)
        assert abs(clip.height * clip.width - 640) < 130
    else:
        expected = frames[:, :32, :44]
    with ShardReader(tmp_path / "hr.h5") as hr, ShardReader(tmp_path / "lr.h5") as lr:
        np.testing.assert_array_equal(hr.read("a", range(4)), expected)
        quarter = imresize(expected, clip.height // 4, clip.width // 4)
        np.testing.assert_array_equal(lr.read("a", range(4)), quarter)


@pytest.mark.parametrize(("scale", "height", "width"), [(2, 34, 46), (3, 33, 45), (4, 32, 44), (8, 32, 40)])
def test_sizes_are_cut_to_multiples_of_the_scale(tmp_path, video, scale, height, width):
    _, content = video
    manifest = tmp_path / "v.csv"
    (clip,) = list_videos(
        config.TrainingVideos(), tmp_path / "in", manifest, tmp_path / "left_out.csv", scale=scale
    )
    assert (clip.height, clip.width) == (height, width)
    asked = PrepareVideos.of(config.TrainingVideos(), shard=0, **degrading(scale=scale))
    prepare_videos(asked, manifest, tmp_path / "hr.h5", tmp_path / "lr.h5")
    with ShardReader(tmp_path / "hr.h5") as hr, ShardReader(tmp_path / "lr.h5") as lr:
        np.testing.assert_array_equal(hr.read("a", range(6)), content[:, :height, :width])
        assert lr.shape("a") == (6, height // scale, width // scale, 3)
