"""Reading plans."""

import pytest

from pipeline.data.plan import ClipPlan, read_plan, write_plan
from pipeline.errors import DamagedError


def test_round_trip(tmp_path):
    plan = {"golf/b": ClipPlan([0, 4], [1, 2, 7]), 'jump/"(a)"': ClipPlan([0], [0])}
    write_plan(tmp_path / "plan.json", plan)
    assert read_plan(tmp_path / "plan.json") == plan


def test_all_frames_hold_both_ends_of_every_field():
    assert ClipPlan([0, 4], [1, 2, 7]).all_frames == [0, 1, 2, 3, 4, 7, 8]


def test_empty_plan(tmp_path):
    write_plan(tmp_path / "plan.json", {})
    assert read_plan(tmp_path / "plan.json") == {}


@pytest.mark.parametrize("text", ["no json", "[]", '{"a": [1]}', '{"a": {"frames": [1]}}'])
def test_other_files_are_refused(tmp_path, text):
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(DamagedError, match=r"plan\.json"):
        read_plan(tmp_path / "plan.json")
