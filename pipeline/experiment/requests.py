"""What each job is asked: the configuration's values that it reads, by the wildcards of its rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pipeline.config import Method
from pipeline.quality.request import MeasureQuality
from pipeline.report.request import (
    Aggregate,
    DatasetEntry,
    DrawTable,
    RecognizerEntry,
    RowEntry,
    Tabulate,
)
from pipeline.superres.request import ShowProgress, SuperResolve, TrainSR

if TYPE_CHECKING:
    from pipeline.experiment import Experiment


class Requests:
    """One method a rule, which fills the request of its stage; in the order of the data."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment, self.config, self.rows = experiment, experiment.config, experiment.rows

    def train_sr(self, model: str) -> TrainSR:
        """A training."""
        config = self.config
        spec = config.superres.models[model]
        assert spec.training is not None
        features = any(loss.features for loss in spec.training.terms.values())
        return TrainSR.of(
            spec,
            config,
            name=model,
            training=spec.training.recipe,
            feature_network=config.superres.feature_network if features else None,
        )

    def show_progress(self, model: str) -> ShowProgress:
        """How often a training shows and saves where it stands."""
        training = self.config.superres.models[model].training
        assert training is not None
        return ShowProgress.of(training)

    def super_resolve(self, dataset: str, model: str, split: str, shard: str) -> SuperResolve:
        """The frames that a model makes of a shard; any data set's are made alike."""
        superres, compute = self.config.superres, self.config.compute
        spec = superres.models[model]
        return SuperResolve.of(spec, superres, compute, split=split, shard=int(shard))

    def measure_quality(self, dataset: str, model: str, shard: str) -> MeasureQuality:
        """Quality of a model's frames of a shard."""
        config = self.config
        return MeasureQuality.of(config.quality, config.flow, dataset=dataset, model=model, shard=int(shard))

    def aggregate(self) -> Aggregate:
        """Table 4."""
        config = self.config
        columns = self._columns(config.methods, config.datasets, config.recognition.recognizers)
        return Aggregate.of(config.report, **columns)

    def tabulate(self, table: str) -> Tabulate:
        """A table beside Table 4."""
        section = self.rows.tables[table]
        columns = self._columns(section.scored_rows(self.rows), *section.columns(self.experiment))
        settings = section.Settings.of(self.config.report, self.config.quality, self.config)
        return Tabulate.of(
            self.config.report,
            name=table,
            table=section,
            settings=settings.model_dump(mode="json"),
            **columns,
        )

    def draw_table(self, table: str) -> DrawTable:
        """The picture of a table."""
        return DrawTable(table=self.rows.tables[table])

    def _columns(
        self, rows: Mapping[str, Method], datasets: Iterable[str], recognizers: Iterable[str]
    ) -> dict[str, Any]:
        """Rows and columns of a table, in order."""
        return {
            "rows": [RowEntry(name=name, **dict(row)) for name, row in rows.items()],
            "datasets": [
                DatasetEntry(name=name, label=data.label, published=data.published)
                for name, data in ((n, self.config.datasets[n]) for n in datasets)
            ],
            "recognizers": [
                RecognizerEntry(
                    name=name,
                    label=spec.label,
                    protocol=spec.protocol,
                    fusion=getattr(spec, "fusion", None),
                )
                for name, spec in ((n, self.rows.recognizer(n)) for n in recognizers)
            ],
        }
