"""What a training's log shows: means, progress for people and for files, and what stops a training."""

import io
import sys

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pipeline.training.log import TrainingError, TrainingLog

NAN = torch.tensor(float("nan"))


def record(folder, start: int = 0, end: int = 25, total: int = 25, **options) -> None:
    """A training whose loss is its step, and half of it what is not minimised; rates fall."""
    with TrainingLog("train_sr m", "a.section", folder, total, start, **options) as log:
        for step in range(start + 1, end + 1):
            value = torch.tensor(float(step), requires_grad=True)
            log.step(step, 1 / step, {"pixel": value, "total": value}, {"accuracy/train": value / 2})


def scalars(folder, tag: str) -> list[tuple[int, float]]:
    log = EventAccumulator(str(folder)).Reload()
    return [(event.step, event.value) for event in log.Scalars(tag)]


def test_values_are_means_since_they_were_last_written(tmp_path):
    record(tmp_path)
    assert scalars(tmp_path, "loss/pixel") == [(10, 5.5), (20, 15.5), (25, 23.0)]
    assert scalars(tmp_path, "loss/total") == scalars(tmp_path, "loss/pixel")
    assert scalars(tmp_path, "accuracy/train") == [(10, 2.75), (20, 7.75), (25, 11.5)]
    assert scalars(tmp_path, "learning_rate") == [(n, pytest.approx(1 / n)) for n in (10, 20, 25)]


def test_what_a_killed_run_wrote_after_its_state_is_hidden(tmp_path):
    record(tmp_path, end=20)
    record(tmp_path, start=15)
    assert scalars(tmp_path, "loss/total") == [(10, 5.5), (20, 18.0), (25, 23.0)]


def test_means_end_where_they_are_asked_to(tmp_path):
    with TrainingLog("train_sr m", "a.section", tmp_path, 100, 0) as log:
        for step in (1, 2, 3, 4):
            log.step(step, 0.1, {"total": torch.tensor(float(step))})
            if step == 2:
                log.write(step)
                log.write(step)
        log.write(4)
    assert scalars(tmp_path, "loss/total") == [(2, 1.5), (4, 3.5)]


@pytest.mark.parametrize("shown", [True, False])
def test_losses_that_are_not_finite_are_told_with_steps_and_what_to_do(tmp_path, shown):
    good = torch.tensor(1.0)
    with TrainingLog("train_sr m", "models.m.training", tmp_path / "log", 100, 40, shown=shown) as log:
        log.step(41, 0.1, {"pixel": good, "warp": good, "total": good}, {"accuracy/train": NAN})
        log.check(41)
        log.step(42, 0.1, {"pixel": good, "warp": NAN, "total": good + torch.inf}, {"accuracy/train": NAN})
        with pytest.raises(
            TrainingError,
            match=r"^train_sr m: the loss \(warp, total\) is not finite between steps 41 and 42; lower lr or "
            r"set clip_gradient in models.m.training, or use float32 precision$",
        ):
            log.check(42)
    assert (tmp_path / "log").exists() == shown


def test_a_training_cannot_end_with_a_loss_that_is_not_finite(tmp_path):
    with TrainingLog("train_sr m", "a.section", tmp_path, 3, 0) as log:
        log.step(1, 0.1, {"total": NAN})
        log.step(2, 0.1, {"total": torch.tensor(1.0)})
        with pytest.raises(TrainingError, match="between steps 1 and 3"):
            log.step(3, 0.1, {"total": torch.tensor(1.0)})


def test_progress_is_lines_in_a_file(tmp_path, capfd):
    record(tmp_path)
    shown = capfd.readouterr().err
    assert "\r" not in shown
    assert shown.splitlines()[-1].startswith("train_sr m: 100%")
    assert "loss 23, accuracy 11.5" in shown.splitlines()[-1]


def test_progress_is_a_bar_in_a_terminal(tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    record(tmp_path)
    assert "\rtrain_sr m:" in terminal.getvalue()


def test_only_one_of_several_processes_shows(tmp_path, capfd):
    with TrainingLog("train_sr m", "a.section", tmp_path / "log", 25, 0, shown=False) as log:
        log.say("hello")
        log.show(1, {"psnr": 1.0}, {})
    record(tmp_path / "log", shown=False)
    assert capfd.readouterr().err == ""
    assert not (tmp_path / "log").exists()
