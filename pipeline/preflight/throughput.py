"""Cost of one pass of each operation: packaged (throughput.csv), or measured on this machine."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pipeline.config import Compute, Config
from pipeline.errors import PipelineError

TABLE = Path(__file__).parent / "throughput.csv"

GPU_TFLOPS = {"float32": 8.0, "tf32": 15.0, "bfloat16": 30.0}
"""Assumed operations per second of a GPU, in 1e12 (no GPU was measured). NVIDIA states peaks of 19.5, 156 and
312 for an A100: two fifths of that for float32, a tenth for tf32 and bfloat16."""

COLUMNS = ["operation", "unit", "device", "precision", "seconds"]
"""Columns of OUTPUT/throughput.csv; device and precision are those of the configuration."""


class ThroughputError(PipelineError):
    """A file of measured seconds cannot be read; the message says what to do."""


@dataclass(frozen=True)
class Operation:
    """One forward pass of a network of a run.

    Attributes:
        kind: purpose of the network.
        name: its row in throughput.csv, which has networks at their published sizes.
        network: a name, or ``package.module:Class``.
        unit: the input of a pass, such as "320x240 frame".
        args: the constructor's arguments.
        scale: super-resolution factor of an SR network.
        weights: file that says which layers it has (``SRNetwork.from_file``).
    """

    kind: Literal["sr", "discriminator", "features", "recognition", "clip", "flow"]
    name: str
    network: str
    unit: str
    args: dict[str, Any] = field(default_factory=dict)
    scale: int = 4
    weights: Path | None = None

    @property
    def key(self) -> tuple[str, str]:
        """The network at its own size, such as "sr/rcan blocks=2 groups=1", and the unit."""
        return " ".join([self.name, *(f"{k}={v}" for k, v in sorted(self.args.items()))]), self.unit

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the unit, in pixels."""
        width, height = self.unit.split()[0].split("x")
        return int(width), int(height)

    def settings(self, compute: Compute) -> Compute:
        """The settings with which the run computes it: flow is always computed in float32."""
        return compute.model_copy(update={"precision": "float32"}) if self.kind == "flow" else compute


@dataclass(frozen=True)
class Measured:
    """Seconds of one pass by an operation's key, and a sentence on their file; both empty without a file."""

    seconds: dict[tuple[str, str], float] = field(default_factory=dict)
    summary: str = ""


@cache
def throughput() -> dict[str, dict[str, float]]:
    """For each operation: billions of floating-point operations, and seconds on one core by precision."""
    columns = ("gflop", "float32", "bfloat16")
    return {row["operation"]: {c: float(row[c]) for c in columns if row[c]} for row in _rows(TABLE)}


def measured_on(table: Path = TABLE) -> str:
    """Machine and date of a table, from its first lines."""
    lines = [line for line in table.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    return " ".join(line.removeprefix("#").strip() for line in lines)


def measured_path(config: Config) -> Path:
    """Where ``preflight --measure`` writes and preflight reads."""
    return config.output / "throughput.csv"


def read_measured(config: Config) -> Measured:
    """Measured seconds for a configuration's device and precision.

    Raises:
        ThroughputError: the file does not have the format of ``preflight --measure``.
    """
    path = measured_path(config)
    if not path.is_file():
        return Measured()
    wanted = (config.compute.device, config.compute.precision)
    seconds, others = {}, set()
    row: Any = "no rows"
    try:
        machine = measured_on(path)
        for row in _rows(path):
            operation, unit, *found, value = (row[column] for column in COLUMNS)
            if not 0 < float(value) < math.inf:
                raise ValueError(value)
            if tuple(found) == wanted:
                seconds[operation, unit] = float(value)
            else:
                others.add(" in ".join(found))
        if not seconds and not others:
            raise ValueError(row)
    except (KeyError, TypeError, ValueError, csv.Error):
        raise ThroughputError(
            f"{path}: expected the columns {', '.join(COLUMNS)} with positive seconds, found {row}; delete "
            "the file, or measure again with python -m pipeline preflight --config FILE --measure"
        ) from None
    if not seconds:
        return Measured(summary=f"{path} is for {', '.join(sorted(others))} and is not used")
    return Measured(seconds, f"Forward passes of networks were measured on {machine} ({path})")


def _rows(table: Path) -> Iterator[dict[str, str]]:
    with table.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(line for line in file if not line.startswith("#"))
