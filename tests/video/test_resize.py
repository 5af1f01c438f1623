"""Bicubic resizing against closed forms and a naive evaluation of the definition."""

import cv2
import numpy as np
import pytest

from pipeline.video.resize import bicubic_matrix, imresize, resize_frames


def keys(x: float) -> float:
    """Keys' kernel, a = -0.5, written from its definition."""
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def naive_line(line: list[float], n_out: int) -> list[float]:
    """One axis, sample by sample, as imresize's documentation describes it."""
    n_in = len(line)
    scale = n_out / n_in
    shrink = min(scale, 1.0)
    result = []
    for i in range(1, n_out + 1):
        centre = i / scale + 0.5 * (1 - 1 / scale)  # from 1, as in MATLAB
        total = weight_sum = 0.0
        for k in range(int(centre - 2 / shrink) - 2, int(centre + 2 / shrink) + 3):
            weight = shrink * keys(shrink * (centre - k))
            mirrored = (k - 1) % (2 * n_in)
            total += weight * line[mirrored if mirrored < n_in else 2 * n_in - 1 - mirrored]
            weight_sum += weight
        result.append(total / weight_sum)
    return result


def naive_imresize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Grey 8-bit image: rows then columns, the axis that shrinks more first, rounded after each."""

    def rounded(values: list[float]) -> list[int]:
        return [min(255, max(0, int(np.floor(value + 0.5)))) for value in values]

    def along_rows(grid: list[list[int]]) -> list[list[int]]:
        columns = [rounded(naive_line(list(column), height)) for column in zip(*grid, strict=True)]
        return [list(row) for row in zip(*columns, strict=True)]

    grid = image.tolist()
    if height / image.shape[0] <= width / image.shape[1]:
        grid = along_rows(grid)
        return np.array([rounded(naive_line(row, width)) for row in grid])
    return np.array(along_rows([rounded(naive_line(row, width)) for row in grid]))


def test_weights_of_a_shrunk_line_by_hand():
    # Scale 1/4: sample 0 stands at 1.5; taps -6..9 at distances 0.125, 0.375, ... of the wide kernel.
    row = bicubic_matrix(32, 8)[3]
    expected = [0.25 * keys(0.25 * (13.5 - k)) for k in range(32)]
    np.testing.assert_allclose(row, expected, atol=1e-15)
    assert np.count_nonzero(row) == 16


def test_weights_of_an_enlarged_line_by_hand():
    # Scale 4: output sample 5 stands at 0.875; the four taps 0, 1, 2 and the mirrored -1.
    row = bicubic_matrix(8, 32)[5]
    assert row[:4] == pytest.approx([keys(0.875) + keys(1.875), keys(0.125), keys(1.125), 0])


@pytest.mark.parametrize(("n_in", "n_out"), [(32, 8), (8, 32), (30, 7), (7, 30), (5, 5), (2, 9), (9, 1)])
def test_matrix_follows_the_definition(n_in, n_out):
    line = np.random.default_rng(1).uniform(0, 255, n_in)
    np.testing.assert_allclose(
        bicubic_matrix(n_in, n_out) @ line, naive_line(line.tolist(), n_out), atol=1e-10
    )


def test_equal_size_is_identity():
    np.testing.assert_allclose(bicubic_matrix(9, 9), np.eye(9), atol=1e-15)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_constant_stays_constant(dtype):
    frame = np.full((24, 32, 3), 77, dtype)
    for size in ((6, 8), (96, 128), (17, 19)):
        result = imresize(frame, *size)
        assert result.dtype == dtype
        np.testing.assert_allclose(result, np.full((*size, 3), 77), atol=1e-4)


def test_ramp_stays_a_ramp_inside():
    ramp = np.tile(np.arange(64, dtype=np.float64), (16, 1))[..., None]
    small = imresize(ramp, 4, 16)[0, :, 0]
    np.testing.assert_allclose(small[2:-2], 4 * np.arange(2, 14) + 1.5, atol=1e-12)
    large = imresize(ramp, 64, 256)[0, :, 0]
    np.testing.assert_allclose(large[8:-8], (np.arange(8, 248) + 0.5) / 4 - 0.5, atol=1e-12)


@pytest.mark.parametrize("size", [(6, 8), (96, 128), (17, 13), (11, 40)])
def test_bytes_follow_the_definition(size):
    rng = np.random.default_rng(2)
    frame = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
    frame[:8] = rng.choice([0, 255], (8, 32, 3))  # overshoots that are clipped
    result = imresize(frame, *size)
    for channel in range(3):
        np.testing.assert_array_equal(result[..., channel], naive_imresize(frame[..., channel], *size))


def test_half_is_rounded_away_from_zero():
    # Columns 0 and 1 alternate: the antialiased mean is exactly one half.
    frame = np.tile(np.array([0, 1], np.uint8), (16, 16))[..., None]
    assert (imresize(frame, 4, 8)[:, 2:-2] == 1).all()


def test_many_frames_are_resized_alike():
    frames = np.random.default_rng(3).integers(0, 256, (2, 3, 8, 12, 3), dtype=np.uint8)
    result = imresize(frames, 2, 3)
    assert result.shape == (2, 3, 2, 3, 3)
    np.testing.assert_array_equal(result[1, 2], imresize(frames[1, 2], 2, 3))


def test_wrong_arguments_are_refused():
    with pytest.raises(TypeError, match="int64"):
        imresize(np.zeros((4, 4, 3), np.int64), 2, 2)
    with pytest.raises(ValueError, match="at least 1"):
        bicubic_matrix(0, 4)


def test_resize_frames_is_opencvs_bilinear():
    frames = np.random.default_rng(4).integers(0, 256, (2, 24, 32, 3), dtype=np.uint8)
    result = resize_frames(frames, 40, 20)
    assert result.shape == (2, 20, 40, 3)
    np.testing.assert_array_equal(result[1], cv2.resize(frames[1], (40, 20)))
    assert resize_frames(frames, 32, 24) is frames
    assert resize_frames(frames[..., :1], 8, 8).shape == (2, 8, 8, 1)
