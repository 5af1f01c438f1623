"""Curves of all trainings, from the event files that TensorBoard shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pipeline.report.page.request import Training
from pipeline.training.log import log_folder


def curves(trainings: list[Training], weights: list[Path]) -> list[dict[str, Any]]:
    """Each training's scalars by tag: steps and values, and its seconds from first to last entry.

    A training whose result came from a shared cache, or whose log was removed, has no scalars.

    Args:
        trainings: what is trained.
        weights: the result of each, beside which its log lies.
    """
    return [
        vars(training) | {"log": str(log_folder(path))} | _read(log_folder(path))
        for training, path in zip(trainings, weights, strict=True)
    ]


def _read(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        return {"scalars": {}, "seconds": None}
    # Images are not shown: 1 each is the least that is kept in memory. 0 keeps all.
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 1, "tensors": 0})
    events.Reload()
    scalars, times = {}, []
    for tag in events.Tags()["scalars"]:
        found = events.Scalars(tag)
        scalars[tag] = [[event.step for event in found], [float(f"{event.value:.5g}") for event in found]]
        times += [event.wall_time for event in found]
    return {"scalars": scalars, "seconds": round(max(times) - min(times)) if times else None}
