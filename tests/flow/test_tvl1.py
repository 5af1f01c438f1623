"""TV-L1 against OpenCV's contrib build, known motions, and what it refuses."""

import hashlib
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.config import TVL1
from pipeline.flow.tvl1 import tvl1

pytestmark = pytest.mark.numeric


def opencv_flow(frame0: np.ndarray, frame1: np.ndarray, p: TVL1) -> np.ndarray:
    engine = cv2.optflow.DualTVL1OpticalFlow_create(
        p.tau, p.lambda_, p.theta, p.scales, p.warps, p.epsilon, p.inner_iterations, p.outer_iterations,
        p.scale_step, 0.0, p.median, False,
    )  # fmt: skip
    return np.moveaxis(engine.calc(frame0, frame1, None), -1, 0)


def end_point_difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.hypot(*(a - b))


def moved_pair(height: int, width: int, dx: float, dy: float) -> tuple[np.ndarray, np.ndarray]:
    """A smooth random texture and the same moved by (dx, dy)."""
    rng = np.random.default_rng(3)
    big = cv2.GaussianBlur(rng.uniform(0, 255, (height + 40, width + 40)).astype(np.float32), (0, 0), 2.5)
    big = (big - big.min()) / (big.max() - big.min()) * 255
    matrix = np.float32([[1, 0, dx], [0, 1, dy]])
    moved = cv2.warpAffine(big, matrix, big.shape[::-1], flags=cv2.INTER_CUBIC)
    cut = np.s_[20:-20, 20:-20]
    return tuple(np.clip(image[cut] + 0.5, 0, 255).astype(np.uint8) for image in (big, moved))


def noisy_distances(pair: tuple[np.ndarray, np.ndarray], params: TVL1, draws: int) -> list[np.ndarray]:
    """Change of OpenCV's own flow of a pair if its frames get noise of 1e-3 grey levels."""
    rng = np.random.default_rng(0)
    expected = opencv_flow(*pair, params)
    return [
        end_point_difference(
            opencv_flow(
                *[((f + rng.normal(0, 1e-3, f.shape)) / 255).astype(np.float32) for f in pair], params
            ),
            expected,
        )
        for _ in range(draws)
    ]


def grey_frames(path: Path, first: int, count: int, size: tuple[int, int] | None = None) -> list[np.ndarray]:
    video = cv2.VideoCapture(str(path))
    frames = [cv2.cvtColor(video.read()[1], cv2.COLOR_BGR2GRAY) for _ in range(first + count)][first:]
    return frames if size is None else [cv2.resize(frame, size) for frame in frames]


@pytest.mark.parametrize(
    ("height", "width", "changes"),
    [
        (72, 96, {}),
        (120, 160, {}),
        (61, 83, {}),
        (72, 97, {"median": 3}),
        (50, 70, {"median": 1}),
        (64, 64, {"scales": 1}),
        (90, 70, {"scales": 3, "scale_step": 0.5, "warps": 2}),
        (72, 96, {"tau": 0.2, "lambda_": 0.05, "theta": 0.5, "epsilon": 0.05}),
        (40, 60, {"epsilon": 0.0, "inner_iterations": 7, "outer_iterations": 2}),
        (17, 16, {}),
        (9, 12, {}),
        (4, 30, {}),
    ],
)
def test_agrees_with_opencv_on_a_synthetic_pair(height, width, changes):
    params = TVL1(**changes)
    frame0, frame1 = moved_pair(height, width, 1.7, -0.8)
    difference = end_point_difference(tvl1(frame0, frame1, params), opencv_flow(frame0, frame1, params))
    own = noisy_distances((frame0, frame1), params, 3)
    # The last digit and the noise both move the iteration at which a warp ends, and the flow in jumps: three
    # draws may miss the largest, twice as far is a difference of another kind.
    for measure in (np.mean, lambda distance: np.percentile(distance, 95)):
        assert measure(difference) <= 2 * max(measure(distance) for distance in own)


@pytest.mark.parametrize(
    ("size", "starts"), [((96, 72), (10, 30, 50)), pytest.param(None, (20,), marks=pytest.mark.slow)]
)
def test_differs_from_opencv_no_more_than_opencv_from_itself_on_real_pairs(real_data, size, starts):
    ours, own = [], []
    for name in ("Archery", "BasketballDunk", "PlayingPiano", "PlayingViolin"):
        for start in starts:
            pair = grey_frames(real_data / "ucf101" / name / f"v_{name}_g01_c01.avi", start, 2, size)
            flow = tvl1(*pair, TVL1())
            assert np.abs(flow).mean() > 0.01  # there is motion
            ours.append(end_point_difference(flow, opencv_flow(*pair, TVL1())))
            own.extend(noisy_distances(pair, TVL1(), 1))
    # Over all pairs: on a single one either may jump (see above).
    assert np.mean(ours) <= 1.25 * np.mean(own)
    assert np.percentile(ours, 99) <= 1.25 * np.percentile(own, 99)


@pytest.mark.parametrize(("dx", "dy"), [(2, 0), (0, -3), (1.5, 2.5), (-6, 4), (0.5, 0.25)])
def test_finds_a_translation_as_well_as_opencv(dx, dy):
    pair = moved_pair(96, 128, dx, dy)
    inner, shift = np.s_[:, 16:-16, 16:-16], np.array([dx, dy])[:, None, None]
    flow, expected = tvl1(*pair, TVL1())[inner], opencv_flow(*pair, TVL1())[inner]
    np.testing.assert_allclose(np.median(flow, axis=(1, 2)), [dx, dy], atol=0.05)
    noise = noisy_distances(pair, TVL1(), 1)[0][inner[1:]].mean()
    ours, theirs = (end_point_difference(found, shift).mean() for found in (flow, expected))
    assert ours <= theirs + noise


def test_bytes_are_the_same_for_every_processor_and_compiler():
    texture = np.random.default_rng(1).integers(0, 256, (90, 120))
    for axis in (0, 1, 0, 1):  # smoothed in integers
        texture = sum(np.roll(texture, shift, axis) for shift in range(5)) // 5
    texture = (3 * (texture - 85)).clip(0, 255).astype(np.uint8)
    digest = hashlib.sha256()
    for params in (TVL1(), TVL1(median=3, scales=2), TVL1(epsilon=0.0, warps=1, outer_iterations=2)):
        digest.update(tvl1(texture[8:80, 8:108], texture[6:78, 9:109], params).tobytes())
    assert digest.hexdigest()[:16] == "fff6fcd459e43193"


def test_no_motion_is_zero_flow():
    frame, _ = moved_pair(72, 96, 0, 0)
    np.testing.assert_array_equal(tvl1(frame, frame, TVL1()), np.zeros((2, 72, 96), np.float32))


def test_flat_frames_are_zero_flow():
    flat = np.full((30, 40), 7, np.uint8)
    np.testing.assert_array_equal(tvl1(flat, flat + np.uint8(90), TVL1()), np.zeros((2, 30, 40), np.float32))


def test_earlier_calls_of_other_sizes_leave_no_trace():
    pair = moved_pair(50, 66, 1, 1)
    first = tvl1(*pair, TVL1())
    for height, width in [(120, 160), (16, 16), (33, 200)]:
        tvl1(*moved_pair(height, width, 3, 2), TVL1(median=3))
    np.testing.assert_array_equal(tvl1(*pair, TVL1()), first)


def test_threads_do_not_disturb_each_other():
    pairs = [moved_pair(40 + 7 * i, 50 + 9 * i, i, 1) for i in range(4)]
    expected = [tvl1(*pair, TVL1()) for pair in pairs]
    found: list[np.ndarray | None] = [None] * len(pairs)

    def run(i: int) -> None:
        for _ in range(3):
            found[i] = tvl1(*pairs[i], TVL1())

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(pairs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_frames_need_not_be_contiguous():
    frame0, frame1 = moved_pair(80, 100, 1, 0)
    views = frame0[::2, ::-1], frame1[::2, ::-1]
    np.testing.assert_array_equal(tvl1(*views, TVL1()), tvl1(*(view.copy() for view in views), TVL1()))


@pytest.mark.parametrize(("height", "width"), [(2, 2), (2, 40), (3, 5), (15, 400)])
def test_tiny_frames_work(height, width):
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (2, height, width), dtype=np.uint8)
    flow = tvl1(*frames, TVL1())
    assert flow.shape == (2, height, width)
    assert np.isfinite(flow).all()


@pytest.mark.parametrize(
    ("frame0", "frame1", "error", "message"),
    [
        (np.zeros((9, 9), np.float32), np.zeros((9, 9), np.uint8), TypeError, "frame0.*uint8.*float32"),
        (np.zeros((9, 9), np.uint8), [[0]], TypeError, "frame1.*uint8.*list"),
        (np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9, 3), np.uint8), ValueError, r"grey.*\(9, 9, 3\)"),
        (np.zeros((9, 9), np.uint8), np.zeros((9, 8), np.uint8), ValueError, r"\(9, 9\).*\(9, 8\)"),
        (np.zeros((1, 9), np.uint8), np.zeros((1, 9), np.uint8), ValueError, "9x1.*2x2"),
    ],
)
def test_refuses_unsuitable_frames(frame0, frame1, error, message):
    with pytest.raises(error, match=message):
        tvl1(frame0, frame1, TVL1())
