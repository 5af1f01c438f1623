"""The stage that plans which frames and fields of test clips are read (docs/design.md, rule 7)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline.data.manifest import read_manifest, select
from pipeline.data.plan import ClipPlan, write_plan
from pipeline.recognition.request import PlanFrames
from pipeline.recognition.streams import PlannedStream


def read_indices(streams: Iterable[PlannedStream], frames: int) -> tuple[set[int], set[int]]:
    """The RGB frames and flow fields that streams read at test from a clip of ``frames`` frames."""
    read = [stream.indices(stream.places(frames), frames) for stream in streams]
    return {n for indices in read for n in indices.frames}, {n for indices in read for n in indices.fields}


def plan_frames(request: PlanFrames, manifest: Path, out: Path) -> None:
    """Write the plan (pipeline.data.plan) of all test clips: the union over all streams."""
    plan = {}
    for clip in select(read_manifest(manifest), "test"):
        frames, fields = read_indices(request.streams, clip.frames)
        plan[clip.id] = ClipPlan(frames=sorted(frames), fields=sorted(fields))
    write_plan(out, plan)
