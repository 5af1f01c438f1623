"""Resumable state: whole, for its own run alone, saved when it is due, and never silently wrong."""

import pytest
import torch
from pydantic import Field
from torch import nn

from pipeline.errors import DamagedError
from pipeline.request import Request
from pipeline.training.log import TrainingError, TrainingLog
from pipeline.training.resume import TrainingState, load_resume, run_key, save_resume


def test_state_comes_back_for_the_same_key_alone(tmp_path, capfd):
    path = tmp_path / "run.resume"
    assert load_resume(path, "a") is None
    save_resume(path, {"step": 3, "weights": {"w": torch.arange(3)}}, "a")
    state = load_resume(path, "a")
    assert state["step"] == 3
    assert state["weights"]["w"].tolist() == [0, 1, 2]
    assert capfd.readouterr().out == ""
    assert load_resume(path, "b") is None
    assert capfd.readouterr().out.startswith(f"{path} is of another recipe, other data or other code: ")


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


class Ask(Request):
    """A request."""

    lr: float = Field(description="rate")


def test_the_key_is_that_of_request_code_files_and_content(tmp_path):
    weights = [tmp_path / "one.pt", tmp_path / "two.pt"]
    for path in weights:
        path.write_text(path.stem)
    ask = Ask(lr=0.1)
    keys = [
        run_key(ask, "code", weights, 5),
        run_key(Ask(lr=0.2), "code", weights, 5),
        run_key(ask, "other", weights, 5),
        run_key(ask, "code", weights[:1], 5),
        run_key(ask, "code", weights[::-1], 5),
        run_key(ask, "code", weights, 6),
    ]
    weights[1].write_text("changed")
    keys.append(run_key(ask, "code", weights, 5))
    assert len(set(keys)) == len(keys)
    # Where a file lies is no matter.
    moved = weights[0].rename(tmp_path / "moved.pt")
    assert run_key(ask, "code", [moved], 5) == keys[3]


@pytest.fixture
def log(tmp_path):
    with TrainingLog("train_sr m", "a.section", tmp_path / "log", 100, 0, shown=False) as log:
        yield log


@pytest.mark.parametrize(
    ("cadence", "kept"),
    [({"steps": 3}, [3, 6]), ({"seconds": 0.0}, [1, 2, 3, 4, 5, 6]), ({"seconds": 1e6}, [])],
)
def test_it_is_saved_when_it_is_due_and_not_at_the_end(tmp_path, log, cadence, kept):
    out, found = tmp_path / "model.pt", []
    state = TrainingState(out, "key", 7, **cadence)
    assert state.step == 0
    for step in range(1, 8):
        state.keep(step, {}, log)
        path = tmp_path / "model.resume"
        if path.exists():
            found.append(load_resume(path, "key")["step"])
            path.unlink()
    assert found == kept
    state.keep(3, {}, log)
    state.remove()
    assert not (tmp_path / "model.resume").exists()
    state.remove()


def test_parts_and_random_numbers_come_back(tmp_path, log):
    out = tmp_path / "model.pt"
    torch.manual_seed(3)
    network, other = nn.Linear(2, 2), nn.Linear(2, 2)
    TrainingState(out, "key", 9, steps=4).keep(4, {"network": network, "other": other}, log)
    drawn = torch.rand(3)
    torch.manual_seed(5)
    new, late = nn.Linear(2, 2), nn.Linear(2, 2)
    TrainingState(out, "another", 9, steps=4).restore({"network": new})
    assert not torch.equal(new.weight, network.weight)
    state = TrainingState(out, "key", 9, steps=4)
    assert state.step == 4
    state.restore({"network": new})
    assert torch.equal(new.weight, network.weight)
    state.restore({"other": late})  # one that is built later
    assert torch.equal(late.bias, other.bias)
    assert torch.equal(torch.rand(3), drawn)


def test_a_state_after_a_loss_that_is_not_finite_is_not_kept(tmp_path, log):
    state = TrainingState(tmp_path / "model.pt", "key", 9, steps=1)
    log.step(1, 0.1, {"total": torch.tensor(1.0)})
    state.keep(1, {}, log)
    log.step(2, 0.1, {"total": torch.tensor(float("nan"))})
    with pytest.raises(TrainingError, match="not finite between steps 1 and 2"):
        state.keep(2, {}, log)
    assert load_resume(tmp_path / "model.resume", "key")["step"] == 1
