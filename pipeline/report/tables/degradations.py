"""Accuracy under several degradations of the test clips, and gains over plain interpolation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import lazy_loader
import numpy as np
from pydantic import Field

from pipeline.config.degradation import SEPARATOR, Chain, Level, chain_text, level_of
from pipeline.config.report import Method
from pipeline.config.section import Name
from pipeline.config.tables import Table, unknown_rows
from pipeline.files import seed_for
from pipeline.report.accuracy import measure
from pipeline.report.request import Intervals
from pipeline.report.rows import each_column, markdown_table
from pipeline.report.significance import holm, intervals, mcnemar
from pipeline.report.tabulate import Made, TableData

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.config import Config
    from pipeline.experiment import Experiment
    from pipeline.experiment.rows import Rows
else:
    pd = lazy_loader.load("pandas")

COLUMN = ["dataset", "recognizer", "stream"]
DEFAULT, ORIGINAL = "default", "HR"
"""Names of the default degradation, and of none."""


class Degradations(Table):
    """Accuracy of the rows under each degradation of a data set, with the gain over the baseline's row.

    HR, which is not degraded, has one line of its own.
    """

    class Settings(Intervals):
        """Further keys that the table reads."""

        baseline: str = Field(description="row to which others are compared")
        resamples: int = Field(description="bootstrap resamples of clips for each difference")
        seed: int = Field(description="seed of the resamples")
        degradation: Chain = Field(description="the default degradation")
        degradations: dict[str, Chain] = Field(description="further degradations by name")

    figure: ClassVar[bool] = True
    shows_degradations: ClassVar[bool] = True

    rows: list[Name] | None = Field(None, description="rows of methods; null: all")

    def scored_rows(self, rows: Rows) -> dict[str, Method]:
        """The rows, and they under each further degradation."""
        names = list(rows.methods) if self.rows is None else self.rows
        shown = rows.with_parts(names)
        for degradation in rows.degradations:
            shown |= rows.under(names, degradation)
        return shown

    def reads(self, experiment: Experiment) -> list[str]:
        """Scores of the rows, for each data set under its own degradations."""
        datasets, recognizers = self.columns(experiment)
        rows, files = self.scored_rows(experiment.rows), []
        for dataset in datasets:
            listed = {"", *experiment.config.datasets[dataset].degradations}
            chosen = [name for name in rows if name.partition(SEPARATOR)[2] in listed]
            files += experiment.files.scores(chosen, [dataset], recognizers)
        return files

    def problems(self, key: str, config: Config) -> Iterator[str]:
        """Rows and a baseline that are not there, and columns without further degradations."""
        yield from unknown_rows(key, self.rows or [], config)
        baseline, shown = config.report.baseline, self.rows or list(config.methods)
        if baseline not in shown:
            yield f"{key}.rows: the baseline {baseline!r} (report.baseline) is missing; add it"
        if not any(config.datasets[name].degradations for name in self.datasets or config.datasets):
            yield f"{key}: no data set of it lists degradations; fill datasets.NAME.degradations"

    def make(self, data: TableData) -> Made:
        """One line per column, degradation and row; see docs/tables.md."""
        lines: list[dict[str, Any]] = []
        for column in each_column(data.request):
            lines += _column(data, *column)
        whole = pd.DataFrame(lines)
        return Made(
            "Degradations of the test clips",
            whole,
            _text(whole, f"{data.request.name}.png", data.settings.confidence),
        )

    def draw(self, table: pd.DataFrame, path: Path) -> None:
        """Accuracy against the strength of the degradation, a panel per column and kind of strength."""
        # Imported here, because planning a run does not need it.
        import matplotlib

        # Cluster nodes have no display; labels are plain text, whatever characters they contain.
        with matplotlib.rc_context({"backend": "Agg", "text.parse_math": False}):
            _draw(table, path)


def _column(data: TableData, dataset: str, recognizer: str, stream: str) -> list[dict[str, Any]]:
    """The lines of one column. Holm's family is all differences of the column."""
    rows, names, settings = data.rows, data.names, data.settings
    column = {"dataset": names.datasets[dataset], "recognizer": names.recognizers[recognizer]}
    lines = []
    for name, row in rows.methods.items():
        base, _, degradation = name.partition(SEPARATOR)
        pairing = row.model is None and rows.scored_row(recognizer, name, stream) != name
        if pairing or not rows.has(dataset, recognizer, name):
            continue
        scores = rows.of(dataset, recognizer, name, stream)
        line: dict[str, Any] = {
            **column,
            "stream": stream,
            **_about(degradation, row.model == "hr", settings),
        }
        line |= {"row": names.methods[name] if names.methods[name] != name else base}
        line |= vars(measure(scores, settings.confidence))
        line |= dict.fromkeys(("gain", "gain_low", "gain_high", "p"), np.nan)
        if base != settings.baseline and row.model != "hr":
            against = settings.baseline + (f"{SEPARATOR}{degradation}" if degradation else "")
            plain = rows.of(dataset, recognizer, against, stream)
            line |= _gain(data, scores.correct, plain.correct, [dataset, recognizer, stream, name])
        lines.append(line)
    tested = [line for line in lines if not np.isnan(line["p"])]
    for line, p in zip(tested, holm(np.array([line["p"] for line in tested])), strict=True):
        line |= {"p_holm": p, "beyond_noise": bool(p < 1 - settings.confidence)}
    order = [DEFAULT, *settings.degradations, ORIGINAL]
    return sorted(lines, key=lambda line: order.index(line["degradation"]))


def _about(degradation: str, original: bool, settings: Degradations.Settings) -> dict[str, Any]:
    if original:
        return {"degradation": ORIGINAL, "steps": "", "level": "", "value": np.nan}
    chain = settings.degradations[degradation] if degradation else settings.degradation
    level = level_of(chain) or Level("", np.nan)
    about = {"degradation": degradation or DEFAULT, "steps": chain_text(chain)}
    return about | {"level": level.name, "value": level.value}


def _gain(data: TableData, ours: np.ndarray, plain: np.ndarray, words: list[str]) -> dict[str, float]:
    """Difference to the baseline under the same degradation, in percentage points, paired by clip."""
    settings = data.settings
    seed = seed_for(settings.seed, "bootstrap", *words)
    ((low, high),) = 100 * intervals(np.stack([ours, plain]), settings.confidence, settings.resamples, seed)
    gain = 100 * float(ours.mean() - plain.mean())
    return {"gain": gain, "gain_low": low, "gain_high": high, "p": mcnemar(ours, plain)}


def _text(whole: pd.DataFrame, figure: str, confidence: float) -> list[str]:
    lines = [
        "Top-1 accuracy in percent, and in brackets the gain over plain interpolation under the same "
        f"degradation, in percentage points; * is beyond noise: p of McNemar's exact test is below "
        f"{1 - confidence:.2g} after Holm's adjustment for all differences of the column.",
        "",
        f"![Accuracy against the strength of the degradation; dotted: default, dashed: HR]({figure})",
        "",
    ]
    chains = whole[whole["steps"] != ""].drop_duplicates("degradation")
    lines += [f"- `{d}`: {s}" for d, s in zip(chains["degradation"], chains["steps"], strict=True)]
    for (dataset, recognizer, stream), part in whole.groupby(COLUMN, sort=False):
        part = part.assign(cell=[_cell(line) for _, line in part.iterrows()])
        grid = part.pivot(index="row", columns="degradation", values="cell")
        grid = grid.loc[part["row"].unique(), part["degradation"].unique()].fillna("")
        lines += ["", f"## {dataset}, {recognizer}, {stream} ({part['clips'].iloc[0]} test clips)", ""]
        lines.append(markdown_table(grid.rename_axis(""), disable_numparse=True))
    return lines


def _cell(line: pd.Series) -> str:
    if np.isnan(line["gain"]):
        return f"{line['top1']:.2f}"
    return f"{line['top1']:.2f} ({line['gain']:+.2f}{'*' if line['beyond_noise'] else ''})"


def _draw(whole: pd.DataFrame, path: Path) -> None:
    """A row of panels per column, one for each kind of strength; HR and the default are dashed and dotted."""
    import matplotlib.pyplot as plt

    whole = whole.assign(level=whole["level"].fillna(""))
    kinds = [level for level in whole["level"].unique() if level] or [""]
    groups = list(whole.groupby(COLUMN, sort=False))
    size = (max(5.0, 4.2 * len(kinds)), 3.2 * len(groups))
    figure, axes = plt.subplots(len(groups), len(kinds), figsize=size, squeeze=False, sharey="row")
    for line, (names, panel) in zip(axes, groups, strict=True):
        for axis, kind in zip(line, kinds, strict=True):
            for number, (row, part) in enumerate(panel.groupby("row", sort=False)):
                _curve(axis, str(row), part, kind, f"C{number % 10}")
            axis.set_title(", ".join(names), fontsize=9)
            axis.set_xlabel(kind or "degradation")
            axis.grid(alpha=0.3)
        line[0].set_ylabel("accuracy (%)")
    axes[0, 0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _curve(axis: Any, row: str, part: pd.DataFrame, kind: str, colour: str) -> None:
    """One row in one panel, with Wilson intervals."""
    shown = part[(part["level"] == kind) & part["value"].notna()].sort_values("value")
    if len(shown):
        error = [shown["top1"] - shown["low"], shown["high"] - shown["top1"]]
        axis.errorbar(shown["value"], shown["top1"], error, marker="o", capsize=2, label=row, color=colour)
    for name, style in ((DEFAULT, ":"), (ORIGINAL, "--")):
        for accuracy in part[(part["degradation"] == name) & (part["level"] != kind)]["top1"]:
            label = row if name == ORIGINAL or not len(shown) else None
            axis.axhline(accuracy, linestyle=style, color=colour, alpha=0.7, label=label)
