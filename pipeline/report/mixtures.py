"""Figure 8: recognisers trained on mixtures of HR and LR clips, tested on HR, LR and SR."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no screen on a cluster's node
import matplotlib.pyplot as plt
import pandas as pd

from pipeline.config import Method, Mixtures, Recognizer, Report
from pipeline.files import atomic_path
from pipeline.report.accuracy import measure
from pipeline.report.rows import Names, Rows, columns, markdown_table, write_markdown
from pipeline.report.scores import STREAMS


def tabulate_mixtures(
    scores: list[Path],
    methods: dict[str, Method],
    datasets: dict[str, dict[str, str | None]],
    recognizers: dict[str, Recognizer],
    trained: dict[str, dict[str, str]],
    table: Mixtures,
    report: Report,
    csv: Path,
    markdown: Path,
    figure: Path,
) -> None:
    """Compute and draw figure 8 (section 4.3): accuracy against the share of LR in training.

    Args:
        scores: files of ``score_clips`` of all mixtures.
        methods: the rows that are tested on and, for pairings, the rows of their streams.
        datasets: ``label`` of each data set, in order.
        recognizers: ``label``, ``protocol`` and, for TSN, the ``fusion`` weights, in order.
        trained: for each recogniser, by ratio as text, the name that its scores carry.
        table: ratios, and rows in order.
        report: level of the intervals and caption.
        csv: a line for each ratio, row and stream of each column; see docs/tables.md.
        markdown: the same for reading.
        figure: PNG, a panel for each stream of each column.
    Raises:
        ScoresError: scores are missing.
    """
    specs = {carried: recognizers[key] for key, ratios in trained.items() for carried in ratios.values()}
    rows, names = Rows(scores, methods, specs), Names(methods, datasets, recognizers)
    lines = []
    for dataset, recognizer in columns(datasets, recognizers):
        for stream in STREAMS:
            for ratio in table.ratios:
                for row in table.rows:
                    found = rows.of(dataset, trained[recognizer][str(ratio)], row, stream)
                    line = {"dataset": names.datasets[dataset], "recognizer": names.recognizers[recognizer]}
                    line |= {"stream": stream, "ratio": ratio, "row": names.methods[row]}
                    lines.append(line | vars(measure(found, report.confidence)))
    whole = pd.DataFrame(lines)
    with atomic_path(csv) as path:
        whole.to_csv(path, index=False, float_format="%.6g")
    title = "Figure 8: recognisers trained on mixtures of HR and LR"
    write_markdown(markdown, title, report.caption, _lines(whole, figure.name))
    with atomic_path(figure) as path:
        _draw(whole, path)


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


# A label is text, whatever signs it has.
@plt.rc_context({"text.parse_math": False})
def _draw(whole: pd.DataFrame, path: Path) -> None:
    """A row of panels for each data set and recogniser: one panel a stream, with Wilson's intervals."""
    groups = list(whole.groupby(["dataset", "recognizer"], sort=False))
    figure, axes = plt.subplots(
        len(groups), len(STREAMS), figsize=(11, 3.2 * len(groups)), squeeze=False, sharex=True, sharey="row"
    )
    for line, ((dataset, recognizer), cells) in zip(axes, groups, strict=True):
        for axis, stream in zip(line, STREAMS, strict=True):
            for row, part in cells[cells["stream"] == stream].groupby("row", sort=False):
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
