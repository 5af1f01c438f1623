"""Figure 8: recognisers trained on mixtures of HR and LR clips, tested on HR, LR and SR."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import lazy_loader
from pydantic import Field, field_validator

from pipeline.config.section import Name
from pipeline.config.tables import RetrainingTable
from pipeline.config.trained_on import Mixture, TrainedOn, variant_name
from pipeline.report.accuracy import measure
from pipeline.report.request import Intervals
from pipeline.report.rows import each_column, markdown_table
from pipeline.report.tabulate import Made, TableData

if TYPE_CHECKING:
    import pandas as pd

else:
    pd = lazy_loader.load("pandas")


class Mixtures(RetrainingTable):
    """Figure 8: recognisers trained on mixtures of HR clips and enlarged LR clips."""

    Settings: ClassVar = Intervals
    figure: ClassVar[bool] = True
    ratios: list[Annotated[float, Field(ge=0, le=1)]] = Field(
        [0.0, 0.25, 0.5, 0.75, 1.0],
        min_length=1,
        description="ratios of LR among the training clips; 0 is Table 4's recogniser",
    )
    rows: list[Name] = Field(
        ["hr", "bicubic", "sosr_tosr"], min_length=1, description="tested rows of methods"
    )

    @field_validator("ratios")
    @classmethod
    def _in_order(cls, ratios: list[float]) -> list[float]:
        if sorted(set(ratios)) != ratios:
            raise ValueError("the ratios must rise, each once")
        return ratios

    def trained(self) -> list[TrainedOn]:
        """Mixtures of all ratios."""
        return [Mixture(mixture=ratio) for ratio in self.ratios]

    def make(self, data: TableData) -> Made:
        """One line per ratio, row and stream of each column (section 4.3); see docs/tables.md."""
        rows, names = data.rows, data.names
        for recognizer in names.recognizers:
            for ratio in self.ratios:
                rows.recognizers[mixed(recognizer, ratio)] = rows.recognizers[recognizer]
        lines = []
        for dataset, recognizer, stream in each_column(data.request):
            for ratio in self.ratios:
                for row in self.rows:
                    found = rows.of(dataset, mixed(recognizer, ratio), row, stream)
                    line: dict[str, str | float] = {"dataset": names.datasets[dataset]}
                    line |= {"recognizer": names.recognizers[recognizer], "stream": stream}
                    line |= {"ratio": ratio, "row": names.methods[row]}
                    lines.append(line | vars(measure(found, data.settings.confidence)))
        whole = pd.DataFrame(lines)
        title = "Figure 8: recognisers trained on mixtures of HR and LR"
        return Made(title, whole, _lines(whole, f"{data.request.name}.png"))

    def draw(self, table: pd.DataFrame, path: Path) -> None:
        """Accuracy against the ratio of LR, one panel per stream of each column."""
        # Imported here, because planning a run does not need it.
        import matplotlib

        # Cluster nodes have no display; labels are plain text, whatever characters they contain.
        with matplotlib.rc_context({"backend": "Agg", "text.parse_math": False}):
            _draw(table, path)


def mixed(recognizer: str, ratio: float) -> str:
    """Name of a recogniser that is trained with a ratio of LR."""
    return variant_name(recognizer, Mixture(mixture=ratio))


def _lines(whole: pd.DataFrame, figure: str) -> list[str]:
    lines = [
        "Top-1 accuracy in percent; rows are what is tested on, columns the share of training clips that "
        "were seen down-sampled and enlarged again. A share of 0 is Table 4's recogniser.",
        "",
        f"![Accuracy against the share of LR in training]({figure})",
    ]
    for (dataset, recognizer, stream), part in whole.groupby(["dataset", "recognizer", "stream"], sort=False):
        grid = part.pivot(index="row", columns="ratio", values="top1").loc[part["row"].unique()]
        lines += ["", f"## {dataset}, {recognizer}, {stream} ({part['clips'].iloc[0]} test clips)", ""]
        lines.append(markdown_table(grid.rename_axis("tested on \\ share"), floatfmt=".2f"))
    return lines


def _draw(whole: pd.DataFrame, path: Path) -> None:
    """A row of panels per data set and recogniser: one panel per stream, with Wilson intervals."""
    import matplotlib.pyplot as plt

    groups = list(whole.groupby(["dataset", "recognizer"], sort=False))
    most = max(part["stream"].nunique() for _, part in groups)
    figure, axes = plt.subplots(
        len(groups), most, figsize=(11, 3.2 * len(groups)), squeeze=False, sharex=True, sharey="row"
    )
    for line, ((dataset, recognizer), panels) in zip(axes, groups, strict=True):
        for axis in line[panels["stream"].nunique() :]:
            axis.set_visible(False)
        for axis, (stream, panel) in zip(line, panels.groupby("stream", sort=False), strict=False):
            for row, part in panel.groupby("row", sort=False):
                error = [part["top1"] - part["low"], part["high"] - part["top1"]]
                axis.errorbar(part["ratio"], part["top1"], error, marker="o", capsize=2, label=row)
            axis.set_title(f"{dataset}, {recognizer}: {stream}", fontsize=9)
            axis.grid(alpha=0.3)
        line[0].set_ylabel("accuracy (%)")
    for axis in axes[-1]:
        axis.set_xlabel("share of LR in training")
    axes[0, 0].legend(title="tested on", fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)
