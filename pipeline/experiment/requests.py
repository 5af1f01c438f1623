"""What each job is asked: the configuration's values that it reads, by the wildcards of its rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pipeline.config import Inference, Method
from pipeline.quality.request import MeasureQuality
from pipeline.recognition.request import PlanFrames, ScoreClips, TrainMixedRecognizer, TrainRecognizer
from pipeline.report.request import (
    Aggregate,
    DatasetEntry,
    DrawTable,
    RecognizerEntry,
    RowEntry,
    Tabulate,
)

if TYPE_CHECKING:
    from pipeline.experiment import Experiment


class Requests:
    """One method a rule, which fills the request of its stage; in the order of the data."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment, self.config, self.rows = experiment, experiment.config, experiment.rows

    def plan_frames(self, dataset: str) -> PlanFrames:
        """What all recognisers read of test clips, of any data set."""
        specs = self.config.recognition.recognizers.values()
        return PlanFrames(streams=[spec.planned(stream) for spec in specs for stream in spec.streams])

    def train_recognizer(self, dataset: str, recognizer: str, stream: str) -> TrainRecognizer:
        """Training of a stream on HR."""
        return TrainRecognizer.of(self.config, **self._training(dataset, recognizer, stream))

    def train_mixed_recognizer(self, dataset: str, recognizer: str, stream: str) -> TrainMixedRecognizer:
        """Training of a stream on a mixture."""
        ratio = float(self.rows.mixtures[recognizer].ratio)
        training = self._training(dataset, recognizer, stream)
        return TrainMixedRecognizer.of(self.config, ratio=ratio, **training)

    def _training(self, dataset: str, recognizer: str, stream: str) -> dict[str, Any]:
        data, size = self.config.datasets[dataset], self.config.recognition.frame_size
        part = self.rows.recognizer(recognizer).trained(stream, dataset)
        about = {"dataset": dataset, "layout": data.layout, "split": data.split}
        return {"part": part, "frame_size": size} | about

    def score_clips(self, dataset: str, recognizer: str, method: str, shard: str) -> ScoreClips:
        """Scores of a row's streams on a shard."""
        return self._scores(dataset, recognizer, method, int(shard))

    def score_pair(self, dataset: str, recognizer: str, pair: str) -> ScoreClips:
        """Scores of a pair that no row shows, on all shards."""
        return self._scores(dataset, recognizer, pair, None)

    def _scores(self, dataset: str, recognizer: str, method: str, shard: int | None) -> ScoreClips:
        config, spec = self.config, self.rows.recognizer(recognizer)
        return ScoreClips.of(
            config.datasets[dataset],
            config.recognition,
            streams=[spec.scored(stream) for stream in self.rows.scored_streams(recognizer, method)],
            compute=Inference(**config.compute.model_dump(include=set(Inference.model_fields))),
            **{"dataset": dataset, "recognizer": recognizer, "method": method, "shard": shard},
        )

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
                    columns=spec.columns(),
                )
                for name, spec in ((n, self.rows.recognizer(n)) for n in recognizers)
            ],
        }
