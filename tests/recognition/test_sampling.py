"""Snippet and frame indices against hand-worked cases."""

import numpy as np
import pytest

from pipeline.recognition import sampling

pytestmark = pytest.mark.numeric


def test_tsn_test_starts_of_a_long_clip():
    # 186 frames: (186 - 1) // 24 = 7 between RGB snippets; 185 fields: (185 - 5) // 24 = 7.
    assert sampling.tsn_test_starts(186, 1, 25) == list(range(0, 169, 7))
    assert sampling.tsn_test_starts(185, 5, 25) == list(range(0, 169, 7))


def test_tsn_test_starts_step_is_rounded_down():
    # 100 frames: 99 / 24 = 4.125; the last snippet is frame 96, not 99.
    assert sampling.tsn_test_starts(100, 1, 25) == [4 * i for i in range(25)]
    # 28 fields: 23 / 24 is no step.
    assert sampling.tsn_test_starts(28, 5, 25) == [0] * 25
    assert sampling.tsn_test_starts(29, 5, 25) == list(range(25))


@pytest.mark.parametrize(("length", "stack"), [(1, 1), (1, 5), (4, 5), (24, 1)])
def test_tsn_test_starts_of_short_clips_repeat_the_first(length, stack):
    assert sampling.tsn_test_starts(length, stack, 25) == [0] * 25


def test_tsn_reads_frames_from_the_second():
    # 186 frames, 185 of them from the second on: (185 - 1) // 24 = 7; index 1 is the second frame.
    assert sampling.tsn_test_frames(186, 2, 25) == list(range(1, 170, 7))
    assert sampling.tsn_test_frames(186, 1, 25) == list(range(0, 169, 7))
    # 25 frames make a step of one; the 24 from the second on make none, and the first of them is repeated.
    assert sampling.tsn_test_frames(25, 1, 25) == list(range(25))
    assert sampling.tsn_test_frames(25, 2, 25) == [1] * 25
    assert sampling.tsn_test_frames(26, 2, 25) == list(range(1, 26))
    # There is nothing after the first frame of one.
    assert sampling.tsn_test_frames(1, 2, 25) == [0] * 25
    assert [sampling.tsn_frames(n, 2) for n in (1, 2, 3)] == [(0, 1), (1, 1), (1, 2)]


def test_tsn_stack_repeats_the_last_field():
    assert sampling.tsn_stack(10, 185, 5) == [10, 11, 12, 13, 14]
    assert sampling.tsn_stack(0, 3, 5) == [0, 1, 2, 2, 2]
    assert sampling.tsn_stack(0, 1, 5) == [0] * 5


def test_tsn_train_starts_cover_each_segment():
    rng = np.random.default_rng(0)
    drawn = np.array([sampling.tsn_train_starts(35, 5, 3, rng) for _ in range(500)])
    # 31 positions in three segments of 10.
    assert [sorted(set(column)) for column in drawn.T] == [list(range(s, s + 10)) for s in (0, 10, 20)]


def test_tsn_train_starts_of_short_clips():
    rng = np.random.default_rng(0)
    drawn = np.array([sampling.tsn_train_starts(6, 5, 3, rng) for _ in range(100)])
    assert set(drawn.ravel()) == {0, 1}
    assert (np.diff(drawn) >= 0).all()
    assert sampling.tsn_train_starts(4, 5, 3, rng) == [0, 0, 0]


def test_st_test_frames_have_their_flow_around_them():
    frames = sampling.st_test_frames(186, 10, 25)
    assert len(frames) == 25
    # Fields t - 5 to t + 4 of 0 to 184 exist for frames 5 to 180.
    assert (frames[0], frames[-1]) == (5, 180)
    assert set(np.diff(frames)) == {7, 8}
    assert sampling.st_fields(5, 185, 10) == list(range(10))
    assert sampling.st_fields(180, 185, 10) == list(range(175, 185))


def test_st_frames_of_short_clips():
    assert sampling.st_test_frames(11, 10, 3) == [5, 5, 5]
    assert sampling.st_test_frames(5, 10, 3) == [0, 2, 4]
    assert sampling.st_test_frames(1, 10, 25) == [0] * 25
    assert sampling.st_fields(0, sampling.count_fields(1), 10) == [0] * 10
    assert sampling.st_fields(4, 4, 4) == [2, 3, 3, 3]


def test_st_test_frames_start_again_where_a_clip_has_too_few():
    # 20 frames: 5 to 14 have their flow around them; 25 of ten: all, all again, then the first five.
    ten = list(range(5, 15))
    assert sampling.st_test_frames(20, 10, 25) == [*ten, *ten, 5, 6, 7, 8, 9]
    # 13 of ten: all, then the last three.
    assert sampling.st_test_frames(20, 10, 13) == [*ten, 12, 13, 14]


@pytest.mark.parametrize("strides", [(5, 15), (1, 15)])
def test_st_train_frames_keep_one_stride(strides):
    rng = np.random.default_rng(0)
    found, starts = set(), set()
    for _ in range(600):
        frames = sampling.st_train_frames(186, 10, 5, strides, rng)
        (stride,) = set(np.diff(frames))
        found.add(int(stride))
        assert 5 <= frames[0] <= frames[-1] <= 180
        # The grid starts at the first frame with its flow around it; its first place is no start.
        assert (frames[0] - 5) % stride == 0
        starts.add((frames[0] - 5) // int(stride))
    assert found == set(range(strides[0], strides[1] + 1))
    assert min(starts) == 1


def test_st_train_frames_of_short_clips():
    rng = np.random.default_rng(0)
    assert sampling.st_train_frames(13, 10, 5, (5, 15), rng) == [5, 6, 6, 7, 7]
    # Eleven frames with their flow around them, stride 1: there is only one start.
    assert sampling.st_train_frames(21, 10, 11, (1, 1), rng) == list(range(5, 16))


def test_separate_streams_learn_from_any_frame_or_any_that_has_its_flow(st_resnet):
    rng = np.random.default_rng(0)
    drawn = {}
    for stream in ("spatial", "temporal"):
        part = st_resnet.model_copy(update={"flow_stack": 10}).trained(stream, "toy")
        drawn[stream] = {place for _ in range(300) for place in part.draw(12, part.training, rng)}
    assert drawn == {"spatial": set(range(12)), "temporal": {5, 6}}
