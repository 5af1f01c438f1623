"""The reading plan: which frames and flow fields of each test clip the recognisers read.

Frames that no recogniser reads are neither super-resolved nor flowed (docs/design.md, rule 7).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.files import atomic_path


class PlanError(PipelineError):
    """A plan file that is none."""


@dataclass(frozen=True)
class ClipPlan:
    """What is read of one clip.

    Attributes:
        frames: numbers of the RGB frames, sorted.
        fields: numbers of the flow fields, sorted; field t goes from frame t to frame t + 1.
    """

    frames: list[int]
    fields: list[int]

    @property
    def all_frames(self) -> list[int]:
        """Frames that must exist: the RGB frames and both ends of every flow field, sorted.

        A one-frame clip has no fields; its plan lists field 0, whose second end does not exist, so
        callers keep only numbers below the clip's length.
        """
        return sorted({*self.frames, *self.fields, *(field + 1 for field in self.fields)})


Plan = dict[str, ClipPlan]
"""Clip identifier -> what is read of it."""


def write_plan(path: Path | str, plan: Plan) -> None:
    """Write a plan as JSON, atomically, one clip a line."""
    lines = [
        f"{json.dumps(clip)}: {json.dumps({'frames': entry.frames, 'fields': entry.fields})}"
        for clip, entry in sorted(plan.items())
    ]
    with atomic_path(Path(path)) as temporary:
        temporary.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def read_plan(path: Path | str) -> Plan:
    """Read a plan.

    Raises:
        PlanError: the file is not a plan.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        return {clip: ClipPlan(entry["frames"], entry["fields"]) for clip, entry in content.items()}
    except (json.JSONDecodeError, AttributeError, KeyError, TypeError) as error:
        raise PlanError(f"{path}: not a reading plan ({error!r}); remove it to have it made again") from error
