"""Candidate crops, motion scores and the warp check compared with plain loops and hand-computed values."""

import numpy as np
import pytest

from pipeline.patches.motion import box_sums, candidate_positions, top_motion, warp_helps, warped_patch

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


@pytest.mark.parametrize(
    ("height", "width", "rows", "columns"),
    [
        (240, 320, 4, 5),  # 113 = 3 x 30 + 23 and 193 = 4 x 40 + 33 places
        (128, 128, 1, 1),
        (157, 167, 1, 1),  # one stride and nothing remains: the authors' offset would lie outside
        (158, 168, 2, 2),
    ],
)
def test_offsets_leave_room_for_the_whole_grid(height, width, rows, columns):
    """The offset is drawn from the remainder of the strides, so no offset loses a row or column of crops."""
    found = [
        candidate_positions(height, width, 128, [40, 30], 1, np.random.default_rng(seed))
        for seed in range(200)
    ]
    assert {(len(set(p[:, 0])), len(set(p[:, 1])), len(p)) for p in found} == {
        (rows, columns, rows * columns)
    }
    for axis, places, stride in ((0, height - 127, 30), (1, width - 127, 40)):
        offsets = {int(p[:, axis].min()) for p in found}
        assert offsets <= set(range(places % stride or stride))
        assert len(offsets) > 0.7 * (places % stride or stride)


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


def grey(rows: list[list[int]]) -> np.ndarray:
    return np.array(rows, np.uint8)[..., None].repeat(3, 2)


def test_warped_patch_by_hand():
    patch = grey([[10, 20, 30], [50, 60, 70], [90, 100, 110]])
    flow = np.zeros((3, 3, 2), np.float16)
    flow[0, 0] = [0.5, 0.25]  # 3.75 + 7.5 + 6.25 + 7.5, each rounded
    flow[0, 1] = [-2, 0]  # outside
    flow[1, 1] = [1, 1]  # the last pixel itself is inside
    flow[1, 2] = [0.25, 0]  # outside
    expected = grey([[26, 0, 30], [50, 110, 0], [90, 100, 110]])
    np.testing.assert_array_equal(warped_patch(patch, flow, 0), expected)
    np.testing.assert_array_equal(warped_patch(patch, flow, 1), expected[1:2, 1:2])


def test_warped_patch_rounds_each_of_its_products():
    """In MATLAB a share times an 8-bit number is an 8-bit number: four times 0.25 x 2 are 4; at most 255."""
    flow = np.full((2, 2, 2), 0.5, np.float16)
    assert warped_patch(np.full((2, 2, 3), 2, np.uint8), flow, 0)[0, 0].tolist() == [4, 4, 4]
    assert warped_patch(np.full((2, 2, 3), 254, np.uint8), flow, 0)[0, 0].tolist() == [255, 255, 255]


def test_warp_helps_only_where_the_flow_is_right():
    texture = grey([list(range(0, 220, 5))] * 40)  # a ramp, which moves by two pixels
    first, second = texture[:, 2:-2], texture[:, :-4]
    right, wrong = (np.zeros((40, 40, 2), np.float16) for _ in range(2))
    right[..., 0] = 2
    wrong[..., 0] = -2
    assert warp_helps(first, second, right, 6)
    assert not warp_helps(first, second, wrong, 6)
    assert not warp_helps(first, first, np.zeros_like(right), 6)  # warping brings it no nearer


def test_the_border_does_not_count_and_what_lies_beyond_the_patch_is_black():
    first = second = np.full((20, 20, 3), 200, np.uint8)
    second = first.copy()
    second[10, 10] = 190
    flow = np.zeros((20, 20, 2), np.float16)
    flow[10, 10] = [1, 0]  # the pixel beside is right
    assert warp_helps(first, second, flow, 4)
    flow[:4] = 9  # wrong, but in the border
    assert warp_helps(first, second, flow, 4)
    flow[8, 4] = [-5, 0]  # a place outside of the patch
    assert not warp_helps(first, second, flow, 4)
