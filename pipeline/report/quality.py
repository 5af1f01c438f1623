"""Quality of every SR method's frames, flow and temporal profiles (the paper's supplement)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipeline.config import Method, Quality, Report
from pipeline.csv_rows import read_rows
from pipeline.errors import DamagedError
from pipeline.files import atomic_path
from pipeline.report.rows import Names, markdown_table, write_markdown
from pipeline.report.scores import ScoresError

MEASURES = ["psnr", "ssim", "flow_epe", "profile_error"]
COLUMNS = ["dataset", "model", "clip", "frames", "fields", *MEASURES]
"""Of the files of ``measure_quality``."""


def tabulate_quality(
    measured: list[Path],
    methods: dict[str, Method],
    datasets: dict[str, dict[str, str | None]],
    quality: Quality,
    report: Report,
    csv: Path,
    markdown: Path,
) -> None:
    """Put the shards' clips together: each number is a mean over clips, every clip counting the same.

    Args:
        measured: files of ``measure_quality``, in any order; the result does not depend on the shards.
        methods: rows with an SR model, in order.
        datasets: ``label`` of each data set, in order.
        quality: channel and border that were measured.
        report: caption.
        csv: a line for each data set and method; see docs/tables.md.
        markdown: the same for reading.
    Raises:
        ScoresError: a row was not measured.
        DamagedError: a file that is no longer as it was written.
    """
    names = Names(methods, datasets, {})
    clips = pd.concat(map(_read, measured))
    groups = {key: part.sort_values("clip") for key, part in clips.groupby(["dataset", "model"])}
    lines = []
    for dataset in datasets:
        for name, method in methods.items():
            if (dataset, method.model) not in groups:
                raise ScoresError(f"no quality of {dataset}, {method.model}; run measure_quality for it")
            part = groups[dataset, method.model]
            line = {"dataset": names.datasets[dataset], "method": names.methods[name]}
            line |= {measure: part[measure].mean() for measure in MEASURES}
            lines.append(line | {"clips": len(part), "frames": part["frames"].sum()})
    whole = pd.DataFrame(lines)
    with atomic_path(csv) as path:
        whole.to_csv(path, index=False, float_format="%.6g")
    title = "Quality of super-resolved frames"
    write_markdown(markdown, title, report.caption, _lines(whole, quality))


def _read(path: Path) -> pd.DataFrame:
    """The clips of one file, a line each."""
    table = pd.DataFrame(read_rows(path, COLUMNS), columns=COLUMNS)
    try:
        return table.astype({"frames": int, "fields": int} | dict.fromkeys(MEASURES, float))
    except ValueError as error:
        raise DamagedError(path, error) from error


def _lines(whole: pd.DataFrame, quality: Quality) -> list[str]:
    channel = "luma (BT.601, studio range)" if quality.channel == "y" else "RGB"
    lines = [
        f"Test clips' frames that recognisers read, against HR; {channel}, {quality.border} pixels of border "
        "left out; mean over a clip, then over clips. Flow: end-point error in pixels against HR's TV-L1 "
        "flow, at the recognisers' size. Profiles: error of the temporal profiles' changes in grey levels "
        "(docs/tables.md).",
    ]
    for dataset, part in whole.groupby("dataset", sort=False):
        shown = {
            "": part["method"],
            "PSNR (dB)": [f"{v:.2f}" for v in part["psnr"]],
            "SSIM": [f"{v:.4f}" for v in part["ssim"]],
            "flow (px)": [f"{v:.3f}" for v in part["flow_epe"]],
            "profiles": [f"{v:.3f}" for v in part["profile_error"]],
        }
        lines += ["", f"## {dataset} ({part['clips'].iloc[0]} clips, {part['frames'].iloc[0]} frames)", ""]
        lines.append(markdown_table(pd.DataFrame(shown), index=False, disable_numparse=True))
    return lines
