"""The reading plan: which frames and flow fields of each test clip the recognisers read.

Other frames are not super-resolved, and their flow is not computed (docs/design.md, rule 7).
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import DamagedError
from pipeline.files import write_whole


@dataclass(frozen=True)
class ClipPlan:
    """The frames and fields that are read of one clip.

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
"""Plan of each clip, by its identifier."""


def write_plan(path: Path | str, plan: Plan) -> None:
    """Write a plan as JSON atomically, one clip with its checksum per line."""
    lines = [
        f"{json.dumps(clip)}: {json.dumps(vars(entry) | {'crc32': _check(clip, entry)})}"
        for clip, entry in sorted(plan.items())
    ]
    write_whole(path, ("{\n" + ",\n".join(lines) + "\n}\n").encode())


def read_plan(path: Path | str) -> Plan:
    """Read a plan, also one of earlier versions without checksums.

    Raises:
        DamagedError: the file is not a plan, or was changed after it was written.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"), object_pairs_hook=_without_repeats)
        plan, checks = {}, {}
        for clip, entry in content.items():
            checks[clip] = entry.pop("crc32", None)
            plan[clip] = ClipPlan(**entry)
    except (ValueError, AttributeError, TypeError) as error:
        raise DamagedError(path, error) from error
    for clip, check in checks.items():
        if check is not None and check != _check(clip, plan[clip]):
            raise DamagedError(path, f"the checksum of clip {clip} is not that of its frames and fields")
    return plan


def _check(clip: str, entry: ClipPlan) -> int:
    return zlib.crc32(json.dumps([clip, entry.frames, entry.fields]).encode())


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object; repeated names are errors, because they would hide a clip."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name is there twice")
    return dict(pairs)
