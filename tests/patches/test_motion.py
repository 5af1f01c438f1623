"""Candidate crops, motion scores and the warp check against plain loops."""

import numpy as np
import pytest

from pipeline.patches.motion import box_sums, candidate_positions, top_motion, warp_helps, warped_frame

pytestmark = pytest.mark.numeric


@pytest.mark.parametrize("align", [1, 4])
def test_candidates_lie_on_the_grid_and_in_the_frame(align):
    for seed in range(20):
        positions = candidate_positions(96, 130, 48, [40, 30], align, np.random.default_rng(seed))
        assert (positions >= 0).all()
        assert (positions[:, 0] <= 96 - 48).all()
        assert (positions[:, 1] <= 130 - 48).all()
        assert (positions % align == 0).all()
        for axis, stride in ((0, 30), (1, 40)):
            steps = np.diff(np.unique(positions[:, axis]))
            assert (abs(steps - stride) < align).all()


def test_a_frame_of_one_patch_has_one_candidate():
    positions = candidate_positions(48, 48, 48, [40, 30], 4, np.random.default_rng(0))
    np.testing.assert_array_equal(positions, [[0, 0]])


def test_offsets_differ_between_frames():
    offsets = {
        tuple(candidate_positions(200, 200, 48, [40, 30], 1, np.random.default_rng(seed))[0])
        for seed in range(30)
    }
    assert len(offsets) > 20


def test_box_sums_equal_sums_over_the_interior():
    rng = np.random.default_rng(1)
    values = rng.random((40, 60))
    positions = np.array([[0, 0], [8, 28], [3, 7]])
    expected = [values[y + 5 : y + 27, x + 5 : x + 27].sum() for y, x in positions]
    np.testing.assert_allclose(box_sums(values, positions, 32, 5), expected, rtol=1e-12)


def test_top_motion_finds_the_moving_square_and_ignores_the_border():
    flow = np.zeros((64, 96, 2), np.float16)
    flow[20:30, 70:80] = [3, 4]
    flow[0:4, 0:4] = 100  # in the border of the crop at (0, 0) and of no other
    positions = np.array([[0, 0], [0, 32], [16, 64], [32, 0]])
    chosen = top_motion(flow, positions, 32, 4, 2)
    np.testing.assert_array_equal(chosen, [[16, 64], [0, 0]])


def test_warped_frame_follows_the_flow():
    rng = np.random.default_rng(2)
    texture = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    first, second = texture[:, :-3], texture[:, 3:]  # first(x + 3) = second(x): content moves left
    flow = np.zeros((40, 47, 2), np.float32)
    flow[..., 0] = -3
    warped = warped_frame(second, flow)
    np.testing.assert_allclose(warped[:, 3:], first[:, 3:], atol=1e-3)
    np.testing.assert_allclose(warped[:, :3], np.repeat(second[:, :1], 3, axis=1), atol=1e-3)


def test_warp_helps_only_where_the_flow_is_right():
    rng = np.random.default_rng(3)
    texture = rng.integers(0, 256, (40, 84, 3), dtype=np.uint8)
    first, second = texture[:, 2:-2], texture[:, :-4]
    flow = np.zeros((40, 80, 2), np.float16)
    flow[:, :40, 0] = 2  # right on the left half
    flow[:, 40:, 1] = 3  # wrong on the right half
    helps = warp_helps(first, second, flow, np.array([[0, 0], [0, 40]]), 40, 6)
    assert helps.tolist() == [True, False]
    still = warp_helps(first, first, np.zeros_like(flow), np.array([[0, 0]]), 40, 6)
    assert still.tolist() == [False]
