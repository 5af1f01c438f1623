"""PSNR, and the one rule for pictures without an error."""

import numpy as np
import pytest

from pipeline.video.psnr import psnr

pytestmark = pytest.mark.numeric


def test_psnr_of_a_known_error():
    hr = np.full((20, 30), 100.0)
    assert psnr(hr + 5, hr) == pytest.approx(20 * np.log10(255 / 5))
    # Differences of bytes do not wrap round.
    assert psnr(np.uint8([[0, 3]]), np.uint8([[3, 0]])) == pytest.approx(20 * np.log10(255 / 3))


def test_nothing_counts_as_more_than_identical_pictures():
    hr = np.full((600, 800, 3), 100.0)
    assert psnr(hr, hr) == 100
    almost = hr.copy()
    almost[0, 0, 0] += 0.5  # 114 dB
    assert psnr(almost, hr) == 100
    almost[:12] += 0.25
    assert psnr(almost, hr) < 100
