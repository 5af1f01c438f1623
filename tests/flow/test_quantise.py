"""Flow to 8 bits and back."""

import numpy as np
import pytest

from pipeline.flow.quantise import dequantise, quantise

pytestmark = pytest.mark.numeric


def test_hand_values():
    flow = np.array([-30, -20, -19.93, 0, 0.05, 10, 20, 25], np.float32)
    np.testing.assert_array_equal(quantise(flow, 20.0), [0, 0, 0, 128, 128, 191, 255, 255])


def test_dequantised_hand_values():
    levels = np.array([0, 51, 255], np.uint8)
    np.testing.assert_allclose(dequantise(levels, 20.0), [-20, -12, 20], atol=1e-5)
    assert dequantise(levels, 20.0).dtype == np.float32


@pytest.mark.parametrize("bound", [1.0, 15.0, 20.0, 33.3])
def test_all_levels_survive_the_round_trip(bound):
    levels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(quantise(dequantise(levels, bound), bound), levels)


def test_error_is_at_most_half_a_level():
    flow = np.random.default_rng(0).uniform(-20, 20, (7, 5, 2)).astype(np.float32)
    assert np.abs(dequantise(quantise(flow, 20.0), 20.0) - flow).max() <= 20 / 255 + 1e-5


def test_refuses_what_has_no_level():
    with pytest.raises(ValueError, match="not finite"):
        quantise(np.array([np.nan]), 20.0)
    with pytest.raises(ValueError, match="positive"):
        quantise(np.zeros(1), 0.0)
    with pytest.raises(TypeError, match="uint8"):
        dequantise(np.zeros(1), 20.0)
