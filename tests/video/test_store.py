"""Shard stores: frames are read as written, and mistakes are reported."""

import h5py
import numpy as np
import pytest

from pipeline.errors import DamagedError
from pipeline.video.store import GROWTH, ShardReader, ShardWriter, StoreError


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 256, (5, 6, 8, 3), dtype=np.uint8)


@pytest.fixture
def store(tmp_path, frames):
    path = tmp_path / "shard.h5"
    with ShardWriter(path) as writer:
        writer.add("jump/(a)[b]!;&#_1.5", iter(frames), method="vdsr", fps=25)
        writer.add("golf/x", frames[:3], index=[7, 2, 9])
    return path


def test_round_trip(store, frames):
    with ShardReader(store) as reader:
        assert reader.clips == ["golf/x", "jump/(a)[b]!;&#_1.5"]
        clip = reader.clips[1]
        np.testing.assert_array_equal(reader.read(clip, range(5)), frames)
        np.testing.assert_array_equal(reader.index(clip), np.arange(5))
        assert reader.attrs(clip) == {"method": "vdsr", "fps": 25}
        assert reader.shape(clip) == (5, 6, 8, 3)


def test_frames_are_found_by_their_original_numbers(store, frames):
    with ShardReader(store) as reader:
        np.testing.assert_array_equal(reader.index("golf/x"), [7, 2, 9])
        np.testing.assert_array_equal(reader.read("golf/x", [9, 2, 2, 7]), frames[[2, 1, 1, 0]])
        assert reader.read("golf/x", []).shape == (0, 6, 8, 3)


@pytest.mark.parametrize(("dtype", "channels"), [(np.uint8, 2), (np.float16, 2), (np.float32, 1)])
def test_other_types(tmp_path, dtype, channels):
    fields = np.random.default_rng(1).uniform(0, 99, (GROWTH + 3, 4, 5, channels)).astype(dtype)
    with ShardWriter(tmp_path / "flow.h5") as writer:
        assert writer.add("a/b", fields) == GROWTH + 3
    with ShardReader(tmp_path / "flow.h5") as reader:
        result = reader.read("a/b", range(GROWTH + 3))
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, fields)


def test_two_clips_are_filled_side_by_side(tmp_path, frames):
    with ShardWriter(tmp_path / "s.h5") as writer:
        one, two = writer.start("a"), writer.start("b")
        for frame in frames:
            one.append(frame)
            two.append(frame[:3])
        one.finish()
        two.finish(index=[4, 3, 2, 1, 0])
    with ShardReader(tmp_path / "s.h5") as reader:
        assert reader.shape("a") == (5, 6, 8, 3)
        np.testing.assert_array_equal(reader.read("b", [0]), frames[4:5, :3])


def test_one_frame_is_one_chunk(store):
    with h5py.File(store) as file:
        assert file["frames/golf/x"].chunks == (1, 3, 6, 8)


def test_an_interrupted_writer_leaves_nothing(tmp_path, frames):
    def failing():
        yield frames[0]
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"), ShardWriter(tmp_path / "shard.h5") as writer:
        writer.add("a/b", failing())
    assert list(tmp_path.iterdir()) == []


def test_writing_mistakes_are_named(tmp_path, frames):
    with ShardWriter(tmp_path / "s.h5") as writer:
        writer.add("a/b", frames)
        with pytest.raises(StoreError, match="a/b is added twice"):
            writer.add("a/b", frames)
        with pytest.raises(StoreError, match="a/c has no frames"):
            writer.add("a/c", [])
        with pytest.raises(StoreError, match="frame 1 of clip a/d"):
            writer.add("a/d", [frames[0], frames[0, :3]])
        with pytest.raises(StoreError, match="5 frames"):
            writer.add("a/e", frames, index=[0, 1, 2])
        with pytest.raises(StoreError, match="4 different ones"):
            writer.add("a/f", frames, index=[0, 1, 2, 3, 3])
        with pytest.raises(StoreError, match=r"\(6, 8\)"):
            writer.add("a/g", [frames[0, :, :, 0]])


def test_reading_mistakes_are_named(tmp_path, store):
    with ShardReader(store) as reader:
        with pytest.raises(StoreError, match=r"golf/x lacks frames 0, 5; stored are 7, 2, 9"):
            reader.read("golf/x", [0, 7, 5])
        with pytest.raises(StoreError, match="no clip golf/y"):
            reader.read("golf/y", [0])
        with pytest.raises(StoreError, match="no clip golf"):
            reader.index("golf")
    (tmp_path / "broken.h5").write_bytes(b"nothing")
    with pytest.raises(DamagedError, match=r"broken\.h5"), ShardReader(tmp_path / "broken.h5"):
        pass
