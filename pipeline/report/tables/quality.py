"""Quality of every SR method's frames, flow and temporal profiles (the paper's supplement)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import lazy_loader

from pipeline.config.quality import Measure
from pipeline.config.report import Method
from pipeline.config.tables import Table
from pipeline.csv_rows import read_rows
from pipeline.errors import DamagedError
from pipeline.report.rows import markdown_table
from pipeline.report.scores import ScoresError
from pipeline.report.tabulate import Made, TableData
from pipeline.request import Request

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.experiment import Experiment
    from pipeline.experiment.rows import Rows
else:
    pd = lazy_loader.load("pandas")

MEASURES = ["psnr", "ssim", "flow_epe", "profile_error"]
COLUMNS = ["dataset", "model", "clip", "frames", "fields", *MEASURES]
"""Columns of the files of ``measure_quality``."""


class QualityTable(Table):
    """Quality of every SR method's frames, flow and temporal profiles (the paper's supplement).

    It covers the data sets in section ``quality``.
    """

    needs_hr: ClassVar[bool] = True

    class Settings(Request, Measure):
        """Further keys that the table reads: the settings of the measurement."""

    def scored_rows(self, rows: Rows) -> dict[str, Method]:
        """Rows with an SR model."""
        return rows.measured

    def columns(self, experiment: Experiment) -> tuple[list[str], list[str]]:
        """The measured data sets; no recogniser."""
        measured = experiment.rows.datasets_of(experiment.config.quality)
        return [name for name in experiment.rows.datasets_of(self) if name in measured], []

    def reads(self, experiment: Experiment) -> list[str]:
        """Files of ``measure_quality``."""
        return experiment.files.quality(self.columns(experiment)[0])

    def make(self, data: TableData) -> Made:
        """One line per data set and method: the mean over clips, which count equally.

        Raises ScoresError for a row that was not measured, DamagedError for a damaged file.
        """
        names = data.names
        clips = pd.concat(map(_read, data.files))
        groups = {key: part.sort_values("clip") for key, part in clips.groupby(["dataset", "model"])}
        lines = []
        for dataset in (entry for entry in data.request.datasets if not entry.joins):
            for row in data.request.rows:
                if (dataset.name, row.model) not in groups:
                    found = f"{dataset.name}, {row.model}"
                    raise ScoresError(f"no quality of {found}; run measure_quality for it")
                part = groups[dataset.name, row.model]
                line = {"dataset": names.datasets[dataset.name], "method": names.methods[row.name]}
                line |= {measure: part[measure].mean() for measure in MEASURES}
                lines.append(line | {"clips": len(part), "frames": part["frames"].sum()})
        whole = pd.DataFrame(lines)
        return Made(
            "Quality of super-resolved frames", whole, _lines(whole, data.settings, data.request.scale)
        )


def _read(path: Path) -> pd.DataFrame:
    """The clips of one file, one line each."""
    table = pd.DataFrame(read_rows(path, COLUMNS), columns=COLUMNS)
    try:
        return table.astype({"frames": int, "fields": int} | dict.fromkeys(MEASURES, float))
    except ValueError as error:
        raise DamagedError(path, error) from error


def _lines(whole: pd.DataFrame, quality: Measure, scale: int) -> list[str]:
    channel = "luma (BT.601, studio range)" if quality.channel == "y" else "RGB"
    border = quality.left_out(scale)
    lines = [
        f"Test clips' frames that recognisers read, against HR; {channel}, {border} pixels of border "
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
