"""Bicubic resizing compared with exact arithmetic, closed forms and OpenCV."""

import hashlib
import math
from fractions import Fraction
from functools import cache

import cv2
import numpy as np
import pytest

from pipeline.video import resize
from pipeline.video.resize import bicubic_matrix, imresize, resize_frames

pytestmark = pytest.mark.numeric


def keys(x: Fraction) -> Fraction:
    """Keys' kernel, a = -1/2, written from its definition."""
    x = abs(x)
    if x <= 1:
        return Fraction(3, 2) * x**3 - Fraction(5, 2) * x**2 + 1
    return -Fraction(1, 2) * x**3 + Fraction(5, 2) * x**2 - 4 * x + 2 if x < 2 else Fraction(0)


@cache
def exact_weights(n_in: int, n_out: int) -> list[dict[int, Fraction]]:
    """One axis, sample by sample, as imresize's documentation describes it: weights of input samples."""
    scale = Fraction(n_out, n_in)
    shrink = min(scale, Fraction(1))
    rows = []
    for i in range(1, n_out + 1):
        centre = i / scale + Fraction(1, 2) * (1 - 1 / scale)  # from 1, as in MATLAB
        row: dict[int, Fraction] = {}
        for k in range(math.floor(centre - 2 / shrink), math.ceil(centre + 2 / shrink) + 1):
            mirrored = (k - 1) % (2 * n_in)
            sample = mirrored if mirrored < n_in else 2 * n_in - 1 - mirrored
            row[sample] = row.get(sample, Fraction(0)) + shrink * keys(shrink * (centre - k))
        total = sum(row.values())
        rows.append({sample: weight / total for sample, weight in row.items()})
    return rows


def exact_rows(grid: list[list[int]], n_out: int) -> tuple[list[list[int]], int]:
    """Rows of bytes resized to ``n_out`` rows, half away from zero, clipped; and how many were ties."""
    result, ties = [], 0
    for row in exact_weights(len(grid), n_out):
        unit = math.lcm(*(weight.denominator for weight in row.values()))
        whole = {sample: int(weight * unit) for sample, weight in row.items()}
        sums = [sum(w * grid[sample][x] for sample, w in whole.items()) for x in range(len(grid[0]))]
        ties += sum(2 * value % (2 * unit) == unit for value in sums)
        rounded = [(2 * abs(value) + unit) // (2 * unit) * (1 if value > 0 else -1) for value in sums]
        result.append([min(255, max(0, value)) for value in rounded])
    return result, ties


def exact_imresize(image: np.ndarray, height: int, width: int) -> tuple[np.ndarray, int]:
    """A grey 8-bit image: the axis that shrinks more first, rows if equal; and the ties on the way."""
    grid, ties = image.tolist(), 0
    rows_first = Fraction(height, image.shape[0]) <= Fraction(width, image.shape[1])
    for rows in (True, False) if rows_first else (False, True):
        lines = grid if rows else [list(column) for column in zip(*grid, strict=True)]
        lines, met = exact_rows(lines, height if rows else width)
        grid = lines if rows else [list(row) for row in zip(*lines, strict=True)]
        ties += met
    return np.array(grid), ties


def contents(rng: np.random.Generator, kind: str, height: int, width: int) -> np.ndarray:
    """Noise, black and white (for overshoots, which are clipped) or few levels (for ties), (h, w, 1)."""
    if kind == "noise":
        return rng.integers(0, 256, (height, width, 1), dtype=np.uint8)
    if kind == "extremes":
        return rng.choice(np.array([0, 255], np.uint8), (height, width, 1))
    return rng.integers(127, 130, (height, width, 1), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["noise", "extremes", "few levels"])
def test_bytes_are_those_of_exact_arithmetic_for_random_sizes(kind):
    rng = np.random.default_rng(5)
    ties = 0
    for _ in range(12):
        height, width, new_height, new_width = (int(n) for n in rng.integers(1, 30, 4))
        frame = contents(rng, kind, height, width)
        expected, met = exact_imresize(frame[..., 0], new_height, new_width)
        found = imresize(frame, new_height, new_width)[..., 0]
        np.testing.assert_array_equal(found, expected, err_msg=f"{frame.shape} to {new_height}x{new_width}")
        ties += met
    assert ties  # else rounding was not tested


@pytest.mark.parametrize(
    ("size", "new_size"),
    [((24, 32), (6, 8)), ((6, 8), (24, 32)), ((24, 20), (25, 17)), ((36, 64), (13, 23))],
)
def test_bytes_are_those_of_exact_arithmetic_for_scales_of_video(size, new_size):
    rng = np.random.default_rng(6)
    for kind in ("noise", "extremes", "few levels"):
        frame = contents(rng, kind, *size)
        np.testing.assert_array_equal(
            imresize(frame, *new_size)[..., 0], exact_imresize(frame[..., 0], *new_size)[0]
        )


@pytest.mark.parametrize(
    ("n_in", "n_out", "dtype"), [(96, 24, np.float32), (97, 24, np.float64), (1501, 4, None)]
)
def test_bytes_are_exact_in_every_type_that_sums_are_made_in(n_in, n_out, dtype):
    matrix = resize._exact_matrix(n_in, n_out)
    assert (matrix if matrix is None else matrix.dtype) == dtype
    rng = np.random.default_rng(7)
    for kind in ("noise", "extremes", "few levels"):
        line = contents(rng, kind, 1, n_in)
        expected, _ = exact_rows(line[..., 0].T.tolist(), n_out)
        np.testing.assert_array_equal(imresize(line, 1, n_out)[0, :, 0], np.array(expected)[:, 0])


def test_floating_frames_are_those_of_exact_arithmetic_rounded_a_tap_at_a_time():
    rng = np.random.default_rng(8)
    for _ in range(10):
        n_in, n_out = (int(n) for n in rng.integers(1, 40, 2))
        line = rng.uniform(-1, 1, (n_in, 1, 1))
        rows = exact_weights(n_in, n_out)
        expected = [float(sum(w * Fraction(line[s, 0, 0]) for s, w in row.items())) for row in rows]
        # One rounding a weight, product and sum, of terms that are below 2.
        bound = 3 * 2.0**-52 * (4 * max(n_in / n_out, 1) + 1)
        np.testing.assert_allclose(imresize(line, n_out, 1)[:, 0, 0], expected, rtol=0, atol=bound)


def test_results_are_the_same_on_every_processor():
    """BLAS may add products in any order, and fuse them; these results must not show it."""
    rng = np.random.default_rng(9)
    hashes = {name: hashlib.sha256() for name in ("bytes", "floats", "bilinear")}
    for _ in range(30):
        height, width, new_height, new_width = (int(n) for n in rng.integers(1, 90, 4))
        frame = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        hashes["bytes"].update(imresize(frame, new_height, new_width).tobytes())
        hashes["floats"].update(imresize(frame / 255, new_height, new_width).tobytes())
        hashes["bilinear"].update(resize_frames(frame[None], new_width, new_height).tobytes())
    assert {name: value.hexdigest()[:16] for name, value in hashes.items()} == {
        "bytes": "a182603ac14d5992",
        "floats": "9e7b55cbb96314e4",
        "bilinear": "21d708168bd013b2",
    }


def test_weights_of_a_shrunk_line_by_hand():
    # Scale 1/4: sample 0 stands at 1.5; taps -6..9 at distances 0.125, 0.375, ... of the wide kernel.
    row = bicubic_matrix(32, 8)[3]
    expected = [keys(Fraction(27 - 2 * k, 8)) / 4 for k in range(32)]
    assert row.tolist() == [float(weight) for weight in expected]
    assert np.count_nonzero(row) == 16


def test_weights_of_an_enlarged_line_by_hand():
    # Scale 4: output sample 5 stands at 0.875; the four taps 0, 1, 2 and the mirrored -1.
    row = bicubic_matrix(8, 32)[5]
    eighth = Fraction(1, 8)
    expected = [keys(7 * eighth) + keys(15 * eighth), keys(eighth), keys(9 * eighth), 0]
    assert row[:4].tolist() == [float(weight) for weight in expected]


@pytest.mark.parametrize(("n_in", "n_out"), [(32, 8), (8, 32), (30, 7), (7, 30), (5, 5), (2, 9), (9, 1)])
def test_matrix_holds_the_exact_weights_each_rounded_once(n_in, n_out):
    expected = np.zeros((n_out, n_in))
    for i, row in enumerate(exact_weights(n_in, n_out)):
        for sample, weight in row.items():
            expected[i, sample] = float(weight)
    np.testing.assert_array_equal(bicubic_matrix(n_in, n_out), expected)


def test_equal_size_is_identity():
    np.testing.assert_array_equal(bicubic_matrix(9, 9), np.eye(9))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_constant_stays_constant(dtype):
    frame = np.full((24, 32, 3), 77, dtype)
    for size in ((6, 8), (96, 128), (17, 19)):
        result = imresize(frame, *size)
        assert result.dtype == dtype
        rounding = 0 if dtype == np.uint8 else 16 * np.finfo(dtype).eps  # of weights, products and sums
        np.testing.assert_allclose(result, 77, rtol=rounding)


def test_ramp_stays_a_ramp_inside():
    ramp = np.tile(np.arange(64, dtype=np.float64), (16, 1))[..., None]
    small = imresize(ramp, 4, 16)[0, :, 0]
    np.testing.assert_allclose(small[2:-2], 4 * np.arange(2, 14) + 1.5, atol=1e-12)
    large = imresize(ramp, 64, 256)[0, :, 0]
    np.testing.assert_allclose(large[8:-8], (np.arange(8, 248) + 0.5) / 4 - 0.5, atol=1e-12)


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
    with pytest.raises(ValueError, match=r"40009 samples to 4001.*64 bits.*share"):
        imresize(np.zeros((40009, 1, 1), np.uint8), 4001, 1)


def test_resize_frames_is_opencvs_bilinear():
    frames = np.random.default_rng(4).integers(0, 256, (2, 24, 32, 3), dtype=np.uint8)
    result = resize_frames(frames, 40, 20)
    assert result.shape == (2, 20, 40, 3)
    np.testing.assert_array_equal(result[1], cv2.resize(frames[1], (40, 20)))
    assert resize_frames(frames, 32, 24) is frames
    assert resize_frames(frames[..., :1], 8, 8).shape == (2, 8, 8, 1)
