"""Log of a training: TensorBoard, progress with the time left, and the check for losses that diverge."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from torch import Tensor
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from pipeline.errors import PipelineError

LOSS = "loss/"
"""Prefix of the tags of losses."""


class TrainingError(PipelineError, RuntimeError):
    """A training cannot start or continue; the message names it, the key or file, and what to do."""


def log_folder(out: Path) -> Path:
    """TensorBoard's folder of a training, beside its result."""
    return out.parent / "tensorboard" / out.stem


class TrainingLog:
    """Log of one training of ``total`` steps, of which ``start`` were done by an earlier run.

    Values are written as means over 1/1000 of the training, but at least 10 steps. With several devices they
    are those of the first device's part of the batches.

    Args:
        name: the stage and what it trains, such as "train_sr vdsr".
        section: configuration section that holds ``lr`` and ``clip_gradient``, for messages.
        folder: TensorBoard's folder.
        total, start: steps.
        shown: False: only check the losses, and write nothing.
    """

    def __init__(
        self, name: str, section: str, folder: Path, total: int, start: int, shown: bool = True
    ) -> None:
        self.name, self.section, self.total = name, section, total
        self.every = max(10, total // 1000)
        self.since = start
        self.sums: dict[str, Tensor] = {}
        self.learning_rate = 0.0
        # Events after the saved state, written by a run that was then killed, are hidden by purge_step.
        self.writer = SummaryWriter(str(folder), purge_step=start) if shown else None
        interactive = sys.stderr.isatty()
        self.progress = tqdm(
            total=total, initial=start, desc=name, unit="step", dynamic_ncols=interactive,
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

    def step(
        self,
        step: int,
        learning_rate: float,
        losses: Mapping[str, Tensor],
        others: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Record step ``step``, counted from 1: scalar tensors on any device, and the learning rate.

        ``losses`` are by name; "total" is the one that was minimised. ``others`` are by tag. Raises like
        ``check``.
        """
        self.learning_rate = learning_rate
        tagged = {LOSS + name: value for name, value in losses.items()} | dict(others or {})
        for tag, value in tagged.items():
            self.sums[tag] = self.sums[tag] + value.detach() if tag in self.sums else value.detach()
        self.progress.update()
        if step % self.every == 0 or step == self.total:
            self.write(step)

    def write(self, step: int) -> None:
        """Write the means of all steps since the last call, up to ``step``. Raises like ``check``."""
        if step == self.since:
            return
        self.check(step)
        means = {tag: float(value) / (step - self.since) for tag, value in self.sums.items()}
        self._scalars(step, means | {"learning_rate": self.learning_rate})
        shown = [tag for tag in means if tag == f"{LOSS}total" or not tag.startswith(LOSS)]
        text = ", ".join(f"{tag.partition('/')[0]} {means[tag]:.4g}" for tag in shown)
        self.progress.set_postfix_str(text, refresh=False)
        self.sums, self.since = {}, step

    def check(self, step: int) -> None:
        """Raise TrainingError if a loss was not finite since the means were last written.

        Called rarely, because reading a value from a GPU waits for all its pending work.
        """
        losses = {tag: float(value) for tag, value in self.sums.items() if tag.startswith(LOSS)}
        broken = [tag.removeprefix(LOSS) for tag, value in losses.items() if not math.isfinite(value)]
        if broken:
            raise TrainingError(
                f"{self.name}: the loss ({', '.join(broken)}) is not finite between steps {self.since + 1} "
                f"and {step}; lower lr or set clip_gradient in {self.section}, or use float32 precision"
            )

    def show(self, step: int, scalars: Mapping[str, float], images: Mapping[str, Tensor]) -> None:
        """Write values and images (3, height, width) in [0, 1] of a step, by tag."""
        if not self.writer:
            return
        self._scalars(step, scalars)
        for tag, image in images.items():
            self.writer.add_image(tag, image, step)
        # A killed job keeps what it has logged.
        self.writer.flush()

    def say(self, message: str) -> None:
        """Print a line without breaking the progress bar."""
        if self.writer:
            tqdm.write(f"{self.name}: {message}", file=sys.stderr)

    def _scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        if self.writer:
            for tag, value in scalars.items():
                self.writer.add_scalar(tag, value, step)


class _Lines:
    """Progress as lines, for log files: a bar's carriage returns would make one endless line."""

    def write(self, text: str) -> None:
        """Print the bar as a line, unless it is empty."""
        text = text.strip("\r\n ")
        if text:
            print(text, file=sys.stderr)

    def flush(self) -> None:
        """Flush standard error."""
        sys.stderr.flush()
