"""Quality measures compared with closed forms and other implementations."""

import numpy as np
import pytest
from scipy.signal import convolve2d
from skimage.color import rgb2ycbcr
from skimage.data import astronaut

from pipeline.quality.metrics import channels, endpoint_error, profile_error, ssim

pytestmark = pytest.mark.numeric


def wang(first: np.ndarray, second: np.ndarray) -> float:
    """Wang et al. 2004 written out: one 2-D Gaussian window, 'valid' convolutions as in ssim_index.m."""
    x = np.arange(11) - 5
    window = np.exp(-(x[:, None] ** 2 + x**2) / (2 * 1.5**2))
    window /= window.sum()

    def mean(image):
        return convolve2d(image, window, mode="valid")

    a, b = mean(first), mean(second)
    var_a, var_b = mean(first**2) - a**2, mean(second**2) - b**2
    cov = mean(first * second) - a * b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    index = (2 * a * b + c1) * (2 * cov + c2) / ((a**2 + b**2 + c1) * (var_a + var_b + c2))
    return float(index.mean())


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    frame = astronaut()[100:160, 80:150]
    noise = np.random.default_rng(0).normal(0, 12, frame.shape)
    return frame, (frame + noise).clip(0, 255).astype(np.uint8)


def test_luma_is_rgb2ycbcrs_and_the_border_is_left_out(pair):
    frame, _ = pair
    luma = channels(frame, "y", 4)
    assert luma.shape == (52, 62)
    np.testing.assert_allclose(luma, rgb2ycbcr(frame)[4:-4, 4:-4, 0], atol=1e-10)
    # MATLAB: rgb2ycbcr(uint8(cat(3, 255, 0, 0))) is 81 (81.48 before rounding).
    red = np.array([[[255, 0, 0]]], np.uint8)
    assert channels(red, "y", 0)[0, 0] == pytest.approx(81.481)
    np.testing.assert_array_equal(channels(frame, "rgb", 0), frame)
    assert channels(np.full((9, 9, 3), 255, np.uint8), "y", 4)[0, 0] == pytest.approx(235)


@pytest.mark.parametrize("channel", ["y", "rgb"])
def test_ssim_is_its_authors(pair, channel):
    first, second = (channels(frame, channel, 0) for frame in pair)
    planes = [(first, second)] if channel == "y" else [(first[..., c], second[..., c]) for c in range(3)]
    expected = np.mean([wang(a, b) for a, b in planes])
    assert 0.3 < expected < 0.9
    assert ssim(first, second) == pytest.approx(expected, abs=1e-10)
    assert ssim(first, first) == pytest.approx(1)


def test_endpoint_error_is_the_length_of_the_difference():
    reference = np.zeros((4, 5, 2), np.float32)
    flow = np.zeros((4, 5, 2), np.float32)
    flow[:2] = (3, 4)
    assert endpoint_error(flow, reference) == pytest.approx(2.5)


def test_profiles_count_flicker_and_not_a_lasting_error():
    rng = np.random.default_rng(0)
    hr = rng.uniform(0, 255, (2, 12, 16))
    blur = rng.uniform(-9, 9, (12, 16))
    assert profile_error(blur, blur) == 0
    flicker = hr + np.array([3.0, -1.0])[:, None, None]
    # Written out with profiles: P[y] is (time, x), its change along time against HR's.
    changes = [np.diff(flicker[:, y], axis=0) - np.diff(hr[:, y], axis=0) for y in range(12)]
    assert profile_error(*(flicker - hr)) == pytest.approx(np.abs(changes).mean()) == pytest.approx(4)
