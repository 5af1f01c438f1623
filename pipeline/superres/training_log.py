"""What a training says while it runs: TensorBoard, progress with the time left, loss out of bounds."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType

import torch
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from pipeline.errors import PipelineError
from pipeline.superres.validation import Validation


class TrainingError(PipelineError, RuntimeError):
    """A training that cannot start or go on; the message names the model, the step and what to do."""


class TrainingLog:
    """The log of one training, of ``iterations`` steps, of which ``start`` were done before.

    Losses are written as means over 1/1000 of the training, at least 10 steps; with several devices they are
    those of the first one's part of the batches. A log that is not ``shown`` only checks them.
    """

    def __init__(self, name: str, folder: Path, iterations: int, start: int, shown: bool = True) -> None:
        self.name, self.iterations = name, iterations
        self.every = max(10, iterations // 1000)
        self.since = start
        self.sums: dict[str, torch.Tensor] = {}
        # Events after the checkpoint, written by a run that was then killed, are hidden by purge_step.
        self.writer = SummaryWriter(str(folder), purge_step=start) if shown else None
        interactive = sys.stderr.isatty()
        self.progress = tqdm(
            total=iterations, initial=start, desc=f"train_sr {name}", unit="step", dynamic_ncols=interactive,
            file=sys.stderr if interactive else _Lines(), mininterval=0.5 if interactive else 30,
            disable=not shown,
        )  # fmt: skip

    def __enter__(self) -> TrainingLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.close()
        if self.writer:
            self.writer.close()

    def step(self, step: int, terms: dict[str, torch.Tensor], learning_rate: float) -> None:
        """Take the loss terms of step ``step`` (from 1), on any device; raises as ``check``."""
        for term, value in terms.items():
            value = value.detach()
            self.sums[term] = self.sums[term] + value if term in self.sums else value
        self.progress.update()
        if step % self.every == 0 or step == self.iterations:
            self.check(step)
            if self.writer:
                for term, value in self.sums.items():
                    self.writer.add_scalar(f"loss/{term}", float(value) / (step - self.since), step)
                self.writer.add_scalar("learning_rate", learning_rate, step)
            mean = float(self.sums["total"]) / (step - self.since)
            self.progress.set_postfix_str(f"loss {mean:.4g}", refresh=False)
            self.sums, self.since = {}, step

    def check(self, step: int) -> None:
        """Raise TrainingError if a term was not finite since the last check.

        Once in a while only: on a GPU, looking at a value waits for everything before it.
        """
        values = {term: float(value) for term, value in self.sums.items()}
        broken = [term for term, value in values.items() if not abs(value) < float("inf")]
        if broken:
            raise TrainingError(
                f"{self.name}: the loss ({', '.join(broken)}) is not finite between steps {self.since + 1} "
                f"and {step}; lower training.lr, set training.clip_gradient, or use float32 precision"
            )

    def validation(self, step: int, validation: Validation | None) -> None:
        """Write the validation of step ``step``."""
        if validation is None or not self.writer:
            return
        self.writer.add_scalar("psnr/validation", validation.psnr, step)
        self.writer.add_scalar("psnr/bicubic", validation.bicubic_psnr, step)
        self.writer.add_image("lr_bicubic_sr_hr", validation.images, step)
        # Killed jobs keep what they have seen.
        self.writer.flush()
        self.say(f"step {step}: PSNR {validation.psnr:.2f} dB (bicubic {validation.bicubic_psnr:.2f} dB)")

    def say(self, message: str) -> None:
        """Print a line that does not run into the progress bar."""
        if self.writer:
            tqdm.write(f"train_sr {self.name}: {message}", file=sys.stderr)


class _Lines:
    """Progress as lines, for log files: a bar's carriage returns would make one endless line."""

    def write(self, text: str) -> None:
        """Write a state of the bar, if there is any."""
        text = text.strip("\r\n ")
        if text:
            print(text, file=sys.stderr)

    def flush(self) -> None:
        """Send it on its way."""
        sys.stderr.flush()
