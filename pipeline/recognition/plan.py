"""The stage that names what the recognisers read of the test clips (docs/design.md, rule 7)."""

from __future__ import annotations

from pathlib import Path

from pipeline import config
from pipeline.data.manifest import read_manifest, select
from pipeline.data.plan import ClipPlan, write_plan
from pipeline.recognition import sampling


def read_indices(spec: config.TSN | config.STResNet, frames: int) -> tuple[set[int], set[int]]:
    """The RGB frames and the flow fields that ``spec`` reads at test of a clip of ``frames`` frames."""
    fields = sampling.count_fields(frames)
    if spec.protocol == "tsn":
        rgb = sampling.tsn_test_frames(frames, spec.first_frame, spec.test_snippets)
        starts = sampling.tsn_test_starts(fields, spec.flow_stack, spec.test_snippets)
        stacks = [sampling.tsn_stack(start, fields, spec.flow_stack) for start in starts]
    else:
        rgb = sampling.st_test_frames(frames, spec.flow_stack, spec.test_frames)
        stacks = [sampling.st_fields(frame, fields, spec.flow_stack) for frame in rgb]
    return set(rgb), {field for stack in stacks for field in stack}


def plan_frames(manifest: Path, recognizers: dict[str, config.Recognizer], out: Path) -> None:
    """Write the plan (pipeline.data.plan) of all test clips: the union over ``recognizers``."""
    plan = {}
    for clip in select(read_manifest(manifest), "test"):
        frames: set[int] = set()
        fields: set[int] = set()
        for spec in recognizers.values():
            rgb, flow = read_indices(spec, clip.frames)
            frames |= rgb
            fields |= flow
        plan[clip.id] = ClipPlan(frames=sorted(frames), fields=sorted(fields))
    write_plan(out, plan)
