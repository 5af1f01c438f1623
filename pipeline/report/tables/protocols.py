"""Is SR before a recogniser that knows HR better than a recogniser that was trained on LR?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader
import numpy as np
from pydantic import Field

from pipeline.config.section import Name
from pipeline.config.tables import RetrainingTable
from pipeline.config.trained_on import HR, LR, Mixture, TrainedOn, is_hr, variant_name
from pipeline.report.accuracy import measure
from pipeline.report.request import Intervals
from pipeline.report.rows import Rows as ScoredRows
from pipeline.report.rows import each_column, markdown_table
from pipeline.report.scores import ScoresError, StreamScores
from pipeline.report.significance import holm, mcnemar
from pipeline.report.tabulate import Made, TableData

if TYPE_CHECKING:
    import pandas as pd

else:
    pd = lazy_loader.load("pandas")

TESTS = ["difference", "only_sr", "only_lr", "p", "p_holm", "beyond_noise"]
"""Columns of the paired test; empty for accuracies that are not tested."""


class Protocols(RetrainingTable):
    """Recognisers trained on HR, on LR or on what a row shows, each tested on several rows.

    The paired test is of SR before a recogniser trained on HR against no SR and one trained on LR.
    """

    class Settings(Intervals):
        """Further keys that the table reads."""

        baseline: str = Field(description="row without SR, which also provides the training clips in LR")

    trained_on: list[TrainedOn] = Field(
        [HR, LR, "sosr_tosr"],
        min_length=1,
        description="training clips, each as in a recogniser's trained_on; hr is Table 4's recogniser",
    )
    rows: list[Name] = Field(
        ["bicubic", "sosr_tosr", "hr"], min_length=1, description="tested rows of methods"
    )

    def trained(self) -> list[TrainedOn]:
        """The key of that name."""
        return self.trained_on

    def make(self, data: TableData) -> Made:
        """One line per training, tested row and stream of each column; see docs/tables.md."""
        rows, names, settings = data.rows, data.names, data.settings
        tables = []
        for dataset, recognizer, stream in each_column(data.request):
            found = self._scores(rows, dataset, recognizer, stream)
            lines = [vars(measure(scores, settings.confidence)) for scores in found.values()]
            table = pd.DataFrame(lines).join(self._tests(found, rows, settings))
            table.insert(0, "dataset", names.datasets[dataset])
            table.insert(1, "recognizer", names.recognizers[recognizer])
            table.insert(2, "stream", stream)
            label = names.methods | {LR: names.methods.get(settings.baseline, settings.baseline)}
            table.insert(3, "trained_on", [_label(self.trained_on[place], label) for place, _ in found])
            table.insert(4, "row", [names.methods[row] for _, row in found])
            tables.append(table)
        whole = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
        return Made("Recognisers trained on HR, LR and SR", whole, _lines(whole, settings.confidence))

    def _scores(
        self, rows: ScoredRows, dataset: str, recognizer: str, stream: str
    ) -> dict[tuple[int, str], StreamScores]:
        """Scores by the number of the training and by tested row, all of the same clips."""
        found: dict[tuple[int, str], StreamScores] = {}
        for place, on in enumerate(self.trained_on):
            name = variant_name(recognizer, on)
            rows.recognizers[name] = rows.recognizers[recognizer]
            for row in self.rows:
                found[place, row] = rows.of(dataset, name, row, stream)
        first = next(iter(found.values()))
        if any(not np.array_equal(scores.clips, first.clips) for scores in found.values()):
            raise ScoresError(
                f"{dataset}, {recognizer}: rows were scored on different clips; score all again"
            )
        return found

    def _tests(
        self, found: dict[tuple[int, str], StreamScores], rows: ScoredRows, settings: Settings
    ) -> pd.DataFrame:
        """For each cell of an SR row and training on HR: the paired test against LR without SR."""
        tests = pd.DataFrame(np.nan, index=range(len(found)), columns=TESTS).astype({"beyond_noise": object})
        low = [place for place, on in enumerate(self.trained_on) if on in (LR, settings.baseline)]
        if not low or settings.baseline not in self.rows:
            return tests
        reference = found[low[0], settings.baseline].correct
        tested = []
        for line, ((place, row), scores) in enumerate(found.items()):
            is_sr = row != settings.baseline and rows.methods[row].model != HR
            if not is_hr(self.trained_on[place]) or not is_sr:
                continue
            correct = scores.correct
            tests.loc[line, "difference"] = 100 * float(correct.mean() - reference.mean())
            tests.loc[line, "only_sr"] = int((correct & ~reference).sum())
            tests.loc[line, "only_lr"] = int((reference & ~correct).sum())
            tests.loc[line, "p"] = mcnemar(correct, reference)
            tested.append(line)
        tests.loc[tested, "p_holm"] = holm(tests.loc[tested, "p"].to_numpy(float))
        tests.loc[tested, "beyond_noise"] = tests.loc[tested, "p_holm"] < 1 - settings.confidence
        return tests


def _label(trained_on: TrainedOn, names: dict[str, str]) -> str:
    if isinstance(trained_on, Mixture):
        return f"{100 * trained_on.mixture:g} % {names[LR]}"
    return names.get(trained_on, "HR" if trained_on == HR else trained_on)


def _lines(whole: pd.DataFrame, confidence: float) -> list[str]:
    lines = [
        "Top-1 accuracy in percent; rows are what the recogniser was trained on, columns what it is tested "
        "on. Below each: SR before the recogniser trained on HR, minus no SR and the recogniser trained on "
        "LR, in percentage points. Beyond noise: p of McNemar's exact test is below "
        f"{1 - confidence:.2g} after Holm's adjustment for the SR rows of the column.",
    ]
    if whole.empty:
        return [*lines, "", "No recogniser of this table is trained on HR."]
    for (dataset, recognizer, stream), part in whole.groupby(["dataset", "recognizer", "stream"], sort=False):
        grid = part.pivot(index="trained_on", columns="row", values="top1")
        grid = grid.loc[part["trained_on"].unique(), part["row"].unique()]
        lines += ["", f"## {dataset}, {recognizer}, {stream} ({part['clips'].iloc[0]} test clips)", ""]
        lines.append(markdown_table(grid.rename_axis("trained on \\ tested on"), floatfmt=".2f"))
        tested = part[part["p"].notna()]
        lines += [""] * (len(tested) > 0)
        lines += [
            f"- {cell.row}, HR-trained, minus LR-trained without SR: {cell.difference:+.2f}, "
            f"p {cell.p_holm:.2g}, {'beyond' if cell.beyond_noise else 'within'} noise"
            for cell in tested.itertuples()
        ]
    return lines
