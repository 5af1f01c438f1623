"""State for resuming: complete, valid only for its own run, and never silently wrong."""

import pytest
import torch

from pipeline.errors import DamagedError
from pipeline.training.resume import load_resume, save_resume


def test_state_comes_back_for_the_same_key_alone(tmp_path):
    path = tmp_path / "run.resume"
    assert load_resume(path, "a") is None
    save_resume(path, {"step": 3, "weights": {"w": torch.arange(3)}}, "a")
    state = load_resume(path, "a")
    assert state["step"] == 3
    assert state["weights"]["w"].tolist() == [0, 1, 2]
    assert load_resume(path, "b") is None


def test_a_failed_save_leaves_the_last_state(tmp_path):
    path = tmp_path / "run.resume"
    save_resume(path, {"step": 1}, "a")
    with pytest.raises(Exception, match="pickle"):
        save_resume(path, {"step": 2, "function": lambda: None}, "a")
    assert load_resume(path, "a") == {"step": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["run.resume"]


def test_a_foreign_file_is_an_error(tmp_path):
    path = tmp_path / "run.resume"
    path.write_text("something else")
    with pytest.raises(DamagedError, match=r"run.resume is damaged .* delete it"):
        load_resume(path, "a")
