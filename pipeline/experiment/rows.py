"""What is scored: rows of the tables, the models that make their frames, the streams that read them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pipeline.config import Columns, Config, Method, Recognizer, Table
from pipeline.config.quality import Quality
from pipeline.config.tables import mixture_name

TWO_STREAMS = ("spatial", "temporal")


class Mixture(NamedTuple):
    """A recogniser trained on HR and LR: the recogniser whose network and recipe it has, and the LR ratio."""

    recognizer: str
    ratio: float


class Rows:
    """The rows of all tables of a configuration.

    Attributes:
        methods: rows of Table 4.
        tables: the tables beside Table 4.
        scored: rows of Table 4, and models of other tables that no row of Table 4 shows, by their names.
        mixtures: recognisers that are trained with a ratio of LR clips, by name.
        pairs: pairs of rows that no row shows, as rows; only a joint network scores them.
        baseline: model whose frames represent LR.
        pictured: rows in the figures.
        page_tables: tables beside Table 4 on the report page.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.recognizers = config.recognition.recognizers
        self.methods = config.methods
        self.tables: dict[str, Table] = {name: table for name, table in config.tables.items() if table}
        shown = [models for table in self.tables.values() if (models := table.models())]
        # The first row of Table 4 that shows a model.
        self._shown = {row.model: name for name, row in reversed(self.methods.items()) if row.model}
        others = [(row, stream) for stream, rows in shown for row in rows if row.model not in self._shown]
        self._other_streams: dict[str, set[str]] = {}
        for row, stream in others:
            self._other_streams.setdefault(row.model, set()).add(stream)
        self.scored: dict[str, Method] = self.methods | {
            row.model: Method(label=row.label, model=row.model) for row, _ in others
        }
        self.mixtures = self._find_mixtures()
        self.pairs = self._find_pairs()
        baseline = self.methods.get(config.report.baseline)
        self.baseline = baseline and baseline.model
        self.pictured = config.report.pictured
        shown_tables = config.report.page.tables
        self.page_tables = [name for name in self.tables if shown_tables is None or name in shown_tables]

    def _find_mixtures(self) -> dict[str, Mixture]:
        return {
            mixture_name(recognizer, ratio): Mixture(recognizer, ratio)
            for table in self.tables.values()
            for recognizer in self.recognizers_of(table)
            for ratio in table.mixed_ratios()
        }

    def _find_pairs(self) -> dict[str, Method]:
        shown = {(row.spatial, row.temporal) for row in self.methods.values()}
        return {
            f"{spatial}+{temporal}": Method(spatial=spatial, temporal=temporal)
            for table in self.tables.values()
            for spatial, temporal in table.joint_pairs(self.methods)
            if (spatial, temporal) not in shown
        }

    def datasets_of(self, table: Columns | Quality) -> list[str]:
        """Data sets of a table, in the order of the configuration."""
        return [n for n in self.config.datasets if table.datasets is None or n in table.datasets]

    def recognizers_of(self, table: Columns) -> list[str]:
        """Recognisers of a table, in the order of the configuration."""
        return [n for n in self.recognizers if table.recognizers is None or n in table.recognizers]

    def recognizer(self, name: str) -> Recognizer:
        """Section of a recogniser; for a mixture that of its recogniser."""
        return self.recognizers[self.mixtures[name].recognizer if name in self.mixtures else name]

    def streams(self, recognizer: str) -> list[str]:
        """Streams of a recogniser."""
        return list(self.recognizer(recognizer).streams)

    def trained_streams(self, recognizer: str, dataset: str) -> list[str]:
        """Streams of a recogniser of Table 4 that have no published weights."""
        spec = self.recognizers[recognizer]
        return [stream for stream in spec.streams if not spec.weights_for(stream, dataset)]

    def scored_streams(self, recognizer: str, method: str) -> list[str]:
        """Streams that are scored for a row.

        The streams of a pairing are scored for its two rows, except those that read both frames and flow.
        Mixtures score all streams of their few rows, models of other tables the streams of those tables.
        """
        streams = self.streams(recognizer)
        if method in self._other_streams:
            return [stream for stream in streams if stream in self._other_streams[method]]
        row = self.methods.get(method) or self.pairs[method]
        if row.model or recognizer in self.mixtures:
            return streams
        spec = self.recognizer(recognizer)
        return [stream for stream in streams if spec.part(stream).row is None]

    def reads(self, recognizer: str, method: str) -> tuple[bool, bool]:
        """Whether the streams that are scored for a row read frames, and whether they read flow."""
        parts = self.recognizer(recognizer).streams
        scored = [parts[stream].scored for stream in self.scored_streams(recognizer, method)]
        return any(part.reads_frames for part in scored), any(part.reads_flow for part in scored)

    def sees_flow(self, recognizer: str) -> bool:
        """Whether any stream of a recogniser reads flow."""
        return any(parts.trained.reads_flow for parts in self.recognizer(recognizer).streams.values())

    def source(self, method: str, stream: str) -> str:
        """Model (or "hr") behind a row's frames ("spatial") or flow ("temporal").

        For a pairing it comes from one of its two rows.
        """
        row = self.scored.get(method) or self.pairs[method]
        source = row.model or self.methods[getattr(row, stream)].model
        assert source is not None  # the configuration check refuses pairings of pairings
        return source

    @property
    def sources(self) -> list[str]:
        """Models (and "hr") whose frames are classified for Table 4."""
        return list(dict.fromkeys(self.source(row, s) for row in self._recognised for s in TWO_STREAMS))

    @property
    def super_resolved(self) -> list[str]:
        """Models that super-resolve test clips for Table 4."""
        return [source for source in self.sources if source != "hr"]

    @property
    def flow_sources(self) -> list[str]:
        """Models (and "hr") whose flow is classified for Table 4."""
        seeing = [name for name in self.recognizers if self.sees_flow(name)]
        rows = [row for row in self.methods if any(self.scored_streams(r, row) for r in seeing)]
        return list(dict.fromkeys(self.source(row, "temporal") for row in rows))

    @property
    def _recognised(self) -> list[str]:
        return [row for row in self.methods if any(self.scored_streams(r, row) for r in self.recognizers)]

    @property
    def measured(self) -> dict[str, Method]:
        """Rows whose frames are compared with HR."""
        return {name: row for name, row in self.methods.items() if row.model not in (None, "hr")}

    def with_parts(self, rows: Iterable[str]) -> dict[str, Method]:
        """Rows of Table 4, and for pairings also the rows of their streams."""
        rows = list(rows)
        parts = {getattr(self.methods[row], stream) for row in rows for stream in TWO_STREAMS}
        return {name: row for name, row in self.methods.items() if name in {*rows, *parts}}

    def of_models(self, models: Iterable[str]) -> dict[str, Method]:
        """Scored rows of models, without labels; a row of Table 4 if one shows the model."""
        return {self._shown.get(model, model): Method(model=model) for model in models}
