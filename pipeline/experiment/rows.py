"""What is scored: rows of the tables, the models whose frames they show, and the streams that read these."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations
from typing import NamedTuple

from pipeline.config import Ablation, Columns, Config, Method, Mixtures, Recognizer

TWO_STREAMS = ("spatial", "temporal")


class Mixture(NamedTuple):
    """A recogniser of figure 8: whose network and recipe it has, and its share of LR clips."""

    recognizer: str
    ratio: float


class Rows:
    """The rows of all tables of a configuration.

    Attributes:
        methods: rows of Table 4.
        ablations: Tables 2 and 3, those that are asked for.
        scored: rows of Table 4, and models of ablations that no such row shows, under their own names.
        mixtures: figure 8's recognisers by name.
        pairs: pairs of rows that no row shows, as rows; only a joint network scores them.
        baseline: model whose frames stand for LR.
        pictured: rows that the figures show.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.recognizers = config.recognition.recognizers
        self.methods = config.methods
        tables = {"table2": config.tables.table2, "table3": config.tables.table3}
        self.ablations: dict[str, Ablation] = {name: table for name, table in tables.items() if table}
        # The row of Table 4 that shows a model, the first if there are several.
        self._shown = {row.model: name for name, row in reversed(self.methods.items()) if row.model}
        self._ablated = {
            row.model: Method(label=row.label, model=row.model)
            for table in self.ablations.values()
            for row in table.rows
            if row.model not in self._shown
        }
        self.scored: dict[str, Method] = self.methods | self._ablated
        self.mixtures = self._find_mixtures()
        self.pairs = self._find_pairs()
        baseline = self.methods.get(config.report.baseline)
        self.baseline = baseline and baseline.model
        self.pictured = config.report.pictured

    def _find_mixtures(self) -> dict[str, Mixture]:
        table = self.config.tables.figure8
        if table is None:
            return {}
        return {
            mixture_name(recognizer, ratio): Mixture(recognizer, ratio)
            for recognizer in self.recognizers_of(table)
            for ratio in table.ratios
            if ratio
        }

    def _find_pairs(self) -> dict[str, Method]:
        shown = {(row.spatial, row.temporal) for row in self.methods.values()}
        joint = self.config.tables.pairings.joint
        paired = [name for name, row in self.methods.items() if row.model] if joint is None else joint
        return {
            f"{spatial}+{temporal}": Method(spatial=spatial, temporal=temporal)
            for spatial, temporal in permutations(paired, 2)
            if (spatial, temporal) not in shown
        }

    def datasets_of(self, table: Columns) -> list[str]:
        """Data sets that a table is made for, in the configuration's order."""
        return [n for n in self.config.datasets if table.datasets is None or n in table.datasets]

    def recognizers_of(self, table: Columns) -> list[str]:
        """Recognisers that a table is made for, in the configuration's order."""
        return [n for n in self.recognizers if table.recognizers is None or n in table.recognizers]

    def recognizer(self, name: str) -> Recognizer:
        """Section of a recogniser; a mixture has its recogniser's."""
        return self.recognizers[self.mixtures[name].recognizer if name in self.mixtures else name]

    def streams(self, recognizer: str) -> list[str]:
        """Streams of a recogniser; ST-ResNet's joint network is a third."""
        return list(self.recognizer(recognizer).streams)

    def trained_streams(self, recognizer: str, dataset: str) -> list[str]:
        """Streams of one of Table 4's recognisers that have no published weights."""
        spec = self.recognizers[recognizer]
        return [stream for stream in spec.streams if not spec.weights_for(stream, dataset)]

    def scored_streams(self, recognizer: str, method: str) -> list[str]:
        """Streams that are scored for a row.

        A pairing's streams are scored by its two rows; only a joint network sees both of them. A mixture
        scores all streams of its few rows, and an ablation the streams of its tables.
        """
        if method in self._ablated:
            return [
                stream
                for stream in TWO_STREAMS
                for table in self.ablations.values()
                if table.stream == stream and method in [row.model for row in table.rows]
            ]
        streams = self.streams(recognizer)
        row = self.methods.get(method) or self.pairs[method]
        if row.model or recognizer in self.mixtures:
            return streams
        return [stream for stream in streams if stream == "joint"]

    def source(self, method: str, stream: str) -> str:
        """Model (or "hr") that makes a row's frames for a stream; a pairing takes it from its two rows."""
        row = self.scored.get(method) or self.pairs[method]
        source = row.model or self.methods[getattr(row, stream)].model
        assert source is not None  # the configuration's check refuses pairings of pairings
        return source

    @property
    def sources(self) -> list[str]:
        """Models (and "hr") whose frames are recognised for Table 4."""
        return list(dict.fromkeys(self.source(row, s) for row in self._recognised for s in TWO_STREAMS))

    @property
    def super_resolved(self) -> list[str]:
        """Models that super-resolve test clips for Table 4."""
        return [source for source in self.sources if source != "hr"]

    @property
    def flow_sources(self) -> list[str]:
        """Models (and "hr") whose frames' flow is recognised for Table 4."""
        return list(dict.fromkeys(self.source(row, "temporal") for row in self._recognised))

    @property
    def _recognised(self) -> list[str]:
        return [row for row in self.methods if any(self.scored_streams(r, row) for r in self.recognizers)]

    @property
    def measured(self) -> dict[str, Method]:
        """Rows whose frames are compared with HR's."""
        return {name: row for name, row in self.methods.items() if row.model not in (None, "hr")}

    def with_parts(self, rows: Iterable[str]) -> dict[str, Method]:
        """Rows of Table 4, and for pairings the rows of their streams."""
        rows = list(rows)
        parts = {getattr(self.methods[row], stream) for row in rows for stream in TWO_STREAMS}
        return {name: row for name, row in self.methods.items() if name in {*rows, *parts}}

    def ablation_rows(self, table: str) -> dict[str, Method]:
        """Scored rows of an ablation, in its order: rows of Table 4 where one shows the model."""
        names = [self._shown.get(row.model, row.model) for row in self.ablations[table].rows]
        return {name: self.scored[name] for name in names}

    def trained_mixtures(self, table: Mixtures) -> dict[str, dict[str, str]]:
        """For each recogniser of figure 8 and each ratio, the name that its scores carry."""
        return {
            recognizer: {str(ratio): mixture_name(recognizer, ratio) for ratio in table.ratios}
            for recognizer in self.recognizers_of(table)
        }


def mixture_name(recognizer: str, ratio: float) -> str:
    """Name of a recogniser that was trained with a share of LR; without any it is the plain one."""
    return f"{recognizer}-mixed{100 * ratio:g}" if ratio else recognizer
