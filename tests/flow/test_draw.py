"""Frames drawn from training videos."""

import numpy as np
import pytest

from pipeline.files import seed_for
from pipeline.flow.draw import TooShortError, draw_frames


def rng(clip: str = "a", seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed_for(seed, "draw", clip))


def test_sorted_without_repeats_inside_the_margins():
    drawn = draw_frames(200, 120, 5, 1, rng())
    assert len(drawn) == len(set(drawn)) == 120
    assert drawn == sorted(drawn)
    assert min(drawn) >= 5
    assert max(drawn) <= 200 - 1 - 5 - 1
    assert all(type(number) is int for number in drawn)


@pytest.mark.parametrize(("gap", "last"), [(1, 23), (2, 22)])
def test_short_videos_give_all_they_have(gap, last):
    assert draw_frames(30, 120, 5, gap, rng()) == list(range(5, last + 1))


def test_every_frame_can_be_drawn():
    seen = {number for clip in map(str, range(60)) for number in draw_frames(20, 3, 2, 1, rng(clip))}
    assert seen == set(range(2, 17))


def test_depends_on_seed_and_clip_alone():
    assert draw_frames(300, 20, 5, 1, rng()) == draw_frames(300, 20, 5, 1, rng())
    assert draw_frames(300, 20, 5, 1, rng("a")) != draw_frames(300, 20, 5, 1, rng("b"))
    assert draw_frames(300, 20, 5, 1, rng(seed=0)) != draw_frames(300, 20, 5, 1, rng(seed=1))


def test_shortest_video_and_one_less():
    assert draw_frames(12, 10, 5, 1, rng()) == [5]
    with pytest.raises(TooShortError, match=r"11 frames are too few.*at least 12"):
        draw_frames(11, 10, 5, 1, rng())
