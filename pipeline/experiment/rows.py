"""What is scored: rows of the tables, the models that make their frames, the streams that read them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pipeline.config import Columns, Config, Method, Recognizer, Table
from pipeline.config.quality import Quality
from pipeline.config.trained_on import HR, LR, Mixture, TrainedOn, variant_name
from pipeline.experiment.degraded import parse, under

TWO_STREAMS = ("spatial", "temporal")


class Variant(NamedTuple):
    """A recogniser that a table trains once more: the one whose network and recipe it has, and on what."""

    recognizer: str
    trained_on: TrainedOn


class Rows:
    """The rows of all tables of a configuration.

    Attributes:
        methods: rows of Table 4.
        without_hr: data sets whose videos are low-resolution by themselves.
        tables: the tables beside Table 4.
        scored: rows of Table 4, and models of other tables that no row of Table 4 shows, by their names.
        variants: recognisers that tables train once more, by name.
        pairs: pairs of rows that no row shows, as rows; only a joint network scores them.
        imported: rows whose frames another tool made, with the folder; each is a source under its own name.
        baseline: model whose frames represent LR.
        pictured: rows in the figures.
        degradations: further degradations under which test clips are tested.
        degraded: rows of Table 4 under these, except HR.
        page_tables: tables beside Table 4 on the report page.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.recognizers = config.recognition.recognizers
        self.methods = config.methods
        self.without_hr = [name for name, data in config.datasets.items() if data.native]
        self.imported = {name: row.frames for name, row in self.methods.items() if row.frames}
        # Those that need HR are left out where there is none.
        self.tables: dict[str, Table] = {
            name: table
            for name, table in config.tables.items()
            if table and (not table.needs_hr or self.datasets_of(table))
        }
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
        self.variants = self._find_variants()
        self.pairs = self._find_pairs()
        baseline = self.methods.get(config.report.baseline)
        self.baseline = baseline.model if baseline else None
        self.pictured = config.report.pictured
        self.degradations = list(
            dict.fromkeys(d for data in config.datasets.values() for d in data.degradations)
        )
        self.degraded: dict[str, Method] = {}
        for degradation in self.degradations:
            self.degraded |= self.under(self.methods, degradation)
        shown_tables = config.report.page.tables
        self.page_tables = [name for name in self.tables if shown_tables is None or name in shown_tables]

    def _find_variants(self) -> dict[str, Variant]:
        return {
            variant_name(recognizer, trained_on): Variant(recognizer, trained_on)
            for table in self.tables.values()
            for recognizer in self.recognizers_of(table)
            if self.recognizers[recognizer].trained_on == HR
            for trained_on in table.trainings()
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
        named = [n for n in self.config.datasets if table.datasets is None or n in table.datasets]
        return [n for n in named if not (table.needs_hr and n in self.without_hr)]

    def recognizers_of(self, table: Columns) -> list[str]:
        """Recognisers of a table, in the order of the configuration."""
        return [n for n in self.recognizers if table.recognizers is None or n in table.recognizers]

    def recognizer(self, name: str) -> Recognizer:
        """Section of a recogniser; for a variant that of its recogniser."""
        return self.recognizers[self.variants[name].recognizer if name in self.variants else name]

    def trained_on(self, recognizer: str) -> TrainedOn:
        """What a recogniser, or a variant, is trained on."""
        variant = self.variants.get(recognizer)
        return variant.trained_on if variant else self.recognizers[recognizer].trained_on

    def training_source(self, recognizer: str, stream: str) -> str:
        """Model (or "hr") behind the training clips' frames ("spatial") or flow ("temporal").

        For a mixture that of its HR clips.
        """
        trained_on = self.trained_on(recognizer)
        if isinstance(trained_on, Mixture) or trained_on == HR:
            return HR
        if trained_on == LR:
            assert self.baseline is not None  # the configuration check refuses it
            return self.baseline
        return self.source(trained_on, stream)

    def mixed_ratio(self, recognizer: str) -> float:
        """Ratio of the training clips that are LR."""
        trained_on = self.trained_on(recognizer)
        return trained_on.mixture if isinstance(trained_on, Mixture) else 0.0

    def training_sources(self, dataset: str) -> tuple[list[str], list[str]]:
        """Models (and "hr") whose frames, and whose flow, Table 4's recognisers train on."""
        frames, flow = [], []
        for name in self.recognizers:
            if self.trained_streams(name, dataset):
                low = [self.baseline] if self.baseline and self.mixed_ratio(name) else []
                frames += [self.training_source(name, "spatial"), *low]
                flow += [self.training_source(name, "temporal"), *low] if self.sees_flow(name) else []
        return list(dict.fromkeys(frames)), list(dict.fromkeys(flow))

    def streams(self, recognizer: str) -> list[str]:
        """Streams of a recogniser."""
        return list(self.recognizer(recognizer).streams)

    def trained_streams(self, recognizer: str, dataset: str) -> list[str]:
        """Streams of a recogniser of Table 4 that have no published weights."""
        spec = self.recognizers[recognizer]
        if dataset in self.without_hr:
            return []
        return [stream for stream in spec.streams if not spec.weights_for(stream, dataset)]

    def recognizers_from(self, dataset: str) -> str:
        """The data set whose recognisers score a data set's clips: itself, or another one."""
        return self.config.datasets[dataset].recognizer_from or dataset

    def splits_of(self, dataset: str) -> list[str]:
        """Data sets of all splits of which a data set is one; empty for a data set of its own."""
        data = self.config.datasets[dataset]
        whole = dataset.removesuffix(f"_{data.split}")
        return [
            name
            for name, other in self.config.datasets.items()
            if data.split_of and other.split_of and name.removesuffix(f"_{other.split}") == whole
        ]

    def shows(self, method: str, dataset: str) -> bool:
        """Whether a data set has a row: HR, and pairings with it, exist only where there is HR."""
        return dataset not in self.without_hr or "hr" not in (self.source(method, s) for s in TWO_STREAMS)

    def pictured_of(self, dataset: str) -> list[str]:
        """Rows in the figure of a data set."""
        return [row for row in self.pictured if self.shows(row, dataset)]

    def scored_streams(self, recognizer: str, method: str) -> list[str]:
        """Streams that are scored for a row.

        The streams of a pairing are scored for its two rows, except those that read both frames and flow.
        Variants score all streams of their few rows, models of other tables the streams of those tables.
        """
        streams, method = self.streams(recognizer), parse(method).name
        if method in self._other_streams:
            return [stream for stream in streams if stream in self._other_streams[method]]
        row = self.methods.get(method) or self.pairs[method]
        if row.model or recognizer in self.variants:
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
        method, degradation = parse(method)
        row = self.scored.get(method) or self.pairs[method]
        source = row.model or self.methods[getattr(row, stream)].model
        assert source is not None  # the configuration check refuses pairings of pairings
        return source if source == "hr" else under(source, degradation)

    @property
    def sources(self) -> list[str]:
        """Models (and "hr") whose frames are classified for Table 4."""
        return list(dict.fromkeys(self.source(row, s) for row in self._recognised for s in TWO_STREAMS))

    @property
    def super_resolved(self) -> list[str]:
        """Models that super-resolve test clips for Table 4."""
        return [source for source in self.sources if source != "hr" and source not in self.imported]

    @property
    def degraded_models(self) -> list[str]:
        """Models whose frames are made under further degradations of the test clips."""
        return [row.model for row in self.degraded.values() if row.model]

    @property
    def costed(self) -> list[str]:
        """Models whose cost is measured: spandrel's networks have layers only with their weights."""
        models = self.config.superres.models
        return [model for model in self.super_resolved if models[model].network != "spandrel"]

    def there(self, dataset: str, sources: Iterable[str]) -> list[str]:
        """The sources that a data set has: HR only where there is HR."""
        return [source for source in sources if source != "hr" or dataset not in self.without_hr]

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

    def under(self, rows: Iterable[str], degradation: str) -> dict[str, Method]:
        """Rows under a further degradation and, for pairings, the rows of their streams.

        HR has none, nor have frames that another tool made.
        """
        names = {
            name: name if row.model == "hr" or name in self.imported else under(name, degradation)
            for name, row in self.with_parts(rows).items()
        }
        # Their names are no names of the configuration, whose check they would not pass.
        return {
            new: Method.model_construct(
                label=(row := self.methods[name]).label,
                model=row.model and under(row.model, degradation),
                spatial=row.spatial and names[row.spatial],
                temporal=row.temporal and names[row.temporal],
                frames=None,
            )
            for name, new in names.items()
            if new != name
        }

    def of_models(self, models: Iterable[str]) -> dict[str, Method]:
        """Scored rows of models, without labels; a row of Table 4 if one shows the model."""
        return {self._shown.get(model, model): Method(model=model) for model in models}
