"""Lossless coding of frames: whatever the content, what is decoded is what was coded."""

import zlib

import numpy as np
import pytest

from pipeline.video.coding import decode, encode


def contents(rng: np.random.Generator, shape: tuple[int, ...]):
    """Noise, constants at both ends of the range, ramps that wrap, and steps."""
    yield rng.integers(0, 256, shape, dtype=np.uint8)
    yield np.full(shape, 255, np.uint8)
    yield np.zeros(shape, np.uint8)
    yield np.arange(np.prod(shape)).reshape(shape).astype(np.uint8)
    yield rng.choice(np.array([0, 255], np.uint8), shape)


@pytest.mark.numeric
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_random_sizes_and_contents(channels):
    rng = np.random.default_rng(channels)
    for _ in range(20):
        height, width = (int(side) for side in rng.integers(1, 40, 2))
        for frame in contents(rng, (height, width, channels)):
            before = frame.copy()
            found = decode(encode(frame), *frame.shape)
            np.testing.assert_array_equal(found, frame, strict=True)
            np.testing.assert_array_equal(frame, before)


@pytest.mark.numeric
def test_sums_beyond_31_bits():
    frame = np.full((2900, 2960, 1), 255, np.uint8)
    frame[0, :, 0] = np.arange(2960)
    np.testing.assert_array_equal(decode(encode(frame), *frame.shape), frame)
    # The largest differences there are: alternating signs in both directions.
    rows, columns = np.indices(frame.shape[:2])
    frame[..., 0] = np.where((rows + columns) % 2, 0, 129)
    np.testing.assert_array_equal(decode(encode(frame), *frame.shape), frame)


def test_views_and_other_orders_are_coded_as_they_look():
    frame = np.random.default_rng(0).integers(0, 256, (8, 10, 3), dtype=np.uint8)
    for view in (frame[::2, ::-1], np.asfortranarray(frame), frame[..., ::-1]):
        np.testing.assert_array_equal(decode(encode(view), *view.shape), view)


def test_equal_frames_have_equal_bytes_and_smooth_ones_are_small():
    rows, columns = np.indices((60, 80), dtype=np.uint8)
    frame = np.stack([rows + columns, rows + columns + 3, 2 * rows], -1)
    assert encode(frame) == encode(frame.copy())
    assert len(encode(frame)) < frame.nbytes / 50


def test_damage_is_an_error():
    frame = np.random.default_rng(0).integers(0, 256, (8, 10, 3), dtype=np.uint8)
    coded = encode(frame)
    for place in range(len(coded)):
        broken = bytearray(coded)
        broken[place] ^= 4
        try:
            np.testing.assert_array_equal(decode(bytes(broken), *frame.shape), frame)
        except (zlib.error, ValueError):
            continue
    with pytest.raises(zlib.error):
        decode(coded[:-1], *frame.shape)
    with pytest.raises(ValueError, match="reshape"):
        decode(coded, 8, 10, 2)
