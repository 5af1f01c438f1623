"""The stage that compares super-resolved frames and their flow with HR, clip by clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline.csv_rows import write_rows
from pipeline.data.manifest import Clip, read_manifest, select
from pipeline.data.plan import ClipPlan, read_plan
from pipeline.errors import PipelineError
from pipeline.flow.quantise import dequantise
from pipeline.quality.metrics import WINDOW, channels, endpoint_error, profile_error, ssim
from pipeline.quality.request import MeasureQuality
from pipeline.video.psnr import psnr
from pipeline.video.store import ShardReader

COLUMNS = ["dataset", "model", "clip", "frames", "fields", "psnr", "ssim", "flow_epe", "profile_error"]


class QualityError(PipelineError):
    """Frames cannot be compared; the message names the clip and what to do."""


def measure_quality(
    request: MeasureQuality,
    manifest: Path,
    plan: Path,
    frames: Path,
    hr: Path,
    flow: Path,
    hr_flow: Path,
    out: Path,
) -> None:
    """Write a shard's quality as CSV, one line per clip, each number a mean over the clip.

    PSNR and SSIM are means over the super-resolved frames, the error of temporal profiles over the pairs of
    consecutive frames whose flow is read, the end-point error over these flow fields, quantised and at the
    recognisers' size. A one-frame clip has neither of the last two. Only a few frames are in memory. Source:
    supplement of the paper; pipeline.quality.metrics.

    Args:
        request: channel, border, the flow's bound, the shard, and names for the lines.
        manifest: the data set's clips.
        plan: frames and flow fields that were made of each clip.
        frames, flow: stores of the model.
        hr, hr_flow: stores of HR.
        out: CSV with the columns COLUMNS.

    Raises:
        QualityError: a clip is not in the plan, or too small for the border and SSIM's window.
        StoreError: a store lacks a clip or a frame.
    """
    clips = select(read_manifest(manifest), "test", request.shard)
    read = read_plan(plan)
    lines = []
    with (
        ShardReader(frames) as sr_frames,
        ShardReader(hr) as hr_frames,
        ShardReader(flow) as sr_flow,
        ShardReader(hr_flow) as reference,
    ):
        for clip in tqdm(clips, desc=f"measure_quality {request.model}", unit="clip", mininterval=10):
            if clip.id not in read:
                raise QualityError(f"{plan}: no clip {clip.id}, but {manifest} has it; make the plan again")
            border = request.left_out(request.scale)
            if min(clip.height, clip.width) < 2 * border + WINDOW:
                raise QualityError(
                    f"{clip.id} is {clip.width}x{clip.height}: without quality.border ({border}) "
                    f"less than SSIM's window of {WINDOW} pixels is left; lower quality.border"
                )
            line: dict[str, str | float] = {
                "dataset": request.dataset,
                "model": request.model,
                "clip": clip.id,
            }
            line |= _frame_quality(clip, read[clip.id], sr_frames, hr_frames, request)
            line.update(_flow_quality(clip, read[clip.id], sr_flow, reference, request.bound))
            lines.append(line)
    write_rows(out, COLUMNS, ([line[column] for column in COLUMNS] for line in lines))


def _frame_quality(
    clip: Clip, plan: ClipPlan, sr: ShardReader, hr: ShardReader, measure: MeasureQuality
) -> dict[str, float]:
    fields, previous = set(plan.fields), None
    border = measure.left_out(measure.scale)
    psnrs, ssims, profiles = [], [], []
    for number in (n for n in plan.all_frames if n < clip.frames):
        ours, reference = (
            channels(store.read(clip.id, [number])[0], measure.channel, border) for store in (sr, hr)
        )
        psnrs.append(psnr(ours, reference))
        ssims.append(ssim(ours, reference))
        error = ours - reference
        if previous is not None and previous[0] == number - 1 and number - 1 in fields:
            profiles.append(profile_error(previous[1], error))
        previous = (number, error)
    return {
        "frames": len(psnrs),
        "psnr": float(np.mean(psnrs)),
        "ssim": float(np.mean(ssims)),
        "profile_error": float(np.mean(profiles)) if profiles else np.nan,
    }


def _flow_quality(
    clip: Clip, plan: ClipPlan, ours: ShardReader, reference: ShardReader, bound: float
) -> dict[str, float]:
    # The field of a one-frame clip is artificial and does not depend on the model.
    fields = [field for field in plan.fields if field < clip.frames - 1]
    errors = [
        endpoint_error(*(dequantise(store.read(clip.id, [field])[0], bound) for store in (ours, reference)))
        for field in fields
    ]
    return {"fields": len(errors), "flow_epe": float(np.mean(errors)) if errors else np.nan}
