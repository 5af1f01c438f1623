"""Tables 2 and 3: what each loss adds to the accuracy of one stream."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pandas as pd

from pipeline.config import Ablation, Method, Recognizer, Report
from pipeline.files import atomic_path
from pipeline.report.accuracy import measure
from pipeline.report.published import published_ablation
from pipeline.report.rows import Names, Rows, columns, markdown_table, write_markdown
from pipeline.report.significance import holm, mcnemar


def tabulate_ablation(
    name: str,
    scores: list[Path],
    methods: dict[str, Method],
    datasets: dict[str, dict[str, str | None]],
    recognizers: dict[str, Recognizer],
    table: Ablation,
    report: Report,
    csv: Path,
    markdown: Path,
) -> None:
    """Compute Table 2 (section 3.1.2) or Table 3 (section 3.2.2): rows of one stream under several losses.

    Args:
        name: table2 or table3.
        scores: files of ``score_clips`` of the rows.
        methods: rows of scores, each with the model that it shows.
        datasets: ``label`` and ``published`` of each data set, in order.
        recognizers: ``label`` and ``protocol``, in order.
        table: stream, and rows with label and model.
        report: level of the intervals and caption.
        csv: a line for each row of each column; see docs/tables.md.
        markdown: the same for reading.
    Raises:
        ScoresError: scores are missing.
    """
    rows, names = Rows(scores, methods, recognizers), Names(methods, datasets, recognizers)
    scored = {method.model: key for key, method in methods.items()}
    paper = published_ablation(name)
    parts = []
    for dataset, recognizer in columns(datasets, recognizers):
        streams = [rows.of(dataset, recognizer, scored[row.model], table.stream) for row in table.rows]
        part = pd.DataFrame([vars(measure(stream, report.confidence)) for stream in streams])
        part["change"] = part["top1"].diff()
        p = [mcnemar(b.correct, a.correct) for a, b in pairwise(streams)]
        part["p_holm"] = [float("nan"), *holm(pd.Series(p, dtype=float).to_numpy())]
        about = (datasets[dataset]["published"], recognizers[recognizer].protocol)
        part["paper"] = [paper.get((row.label, *about), float("nan")) for row in table.rows]
        part.insert(0, "row", [row.label for row in table.rows])
        part.insert(0, "stream", table.stream)
        part.insert(0, "recognizer", names.recognizers[recognizer])
        part.insert(0, "dataset", names.datasets[dataset])
        parts.append(part)
    whole = pd.concat(parts, ignore_index=True)
    with atomic_path(csv) as path:
        whole.to_csv(path, index=False, float_format="%.6g")
    title = f"Table {name.removeprefix('table')}: losses of the {table.stream} stream's SR"
    write_markdown(markdown, title, report.caption, _lines(whole, report))


def _lines(whole: pd.DataFrame, report: Report) -> list[str]:
    lines = [
        f"Top-1 accuracy in percent with the half-width of its {100 * report.confidence:g} % Wilson "
        "interval; change against the row above, with p of McNemar's exact test after Holm's adjustment for "
        "the changes of a column.",
    ]
    for (dataset, recognizer), part in whole.groupby(["dataset", "recognizer"], sort=False):
        half = (part["high"] - part["low"]) / 2
        shown = {
            "": part["row"],
            "accuracy": [f"{top1:.2f} ±{h:.1f}" for top1, h in zip(part["top1"], half, strict=True)],
            "change": ["" if pd.isna(c) else f"{c:+.2f}" for c in part["change"]],
            "p": ["" if pd.isna(p) else f"{p:.2g}" for p in part["p_holm"]],
        }
        if part["paper"].notna().any():
            shown["paper"] = ["/" if pd.isna(value) else f"{value:.2f}" for value in part["paper"]]
        clips = part["clips"].iloc[0]
        lines += ["", f"## {dataset}, {recognizer}, {part['stream'].iloc[0]} ({clips} test clips)", ""]
        lines.append(markdown_table(pd.DataFrame(shown), index=False, disable_numparse=True))
    return lines
