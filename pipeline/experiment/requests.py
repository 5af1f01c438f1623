"""The requests of all jobs: the configuration values that a job reads, by the wildcards of its rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pipeline.config import SCALE, Method
from pipeline.config.compute import Device, Inference
from pipeline.config.flow import FlowNetwork
from pipeline.config.patches import Pairs
from pipeline.data.request import GenerateDemo, ListClips, ListVideos, PrepareClips, PrepareVideos
from pipeline.flow.request import ExtractFlow, ExtractTrainingFlow
from pipeline.patches.request import CropPatches
from pipeline.quality.request import MeasureQuality
from pipeline.recognition.request import PlanFrames, ScoreClips, TrainMixedRecognizer, TrainRecognizer
from pipeline.report.page.request import BuildPage, ShowClips, Training
from pipeline.report.request import (
    Aggregate,
    DatasetEntry,
    DrawComparison,
    DrawTable,
    RecognizerEntry,
    RowEntry,
    Tabulate,
)
from pipeline.request import part
from pipeline.superres.request import MeasureCost, ShowProgress, SuperResolve, TrainSR

if TYPE_CHECKING:
    from pipeline.data.manifest import Split
    from pipeline.experiment import Experiment


class Requests:
    """One method per rule, which fills the request of the rule's stage; in the order of the data."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment, self.config, self.rows = experiment, experiment.config, experiment.rows

    def generate_demo(self, name: str) -> GenerateDemo:
        """A data set of the demo, or its training videos."""
        datasets, demo = self.config.datasets, self.config.demo
        assert demo is not None  # without it no data set needs the rule
        kind = datasets[name].layout if name in datasets else "cdvl"
        return GenerateDemo.of(demo, self.config, kind=kind)

    def list_clips(self, dataset: str) -> ListClips:
        """Manifest of a data set."""
        return ListClips(name=dataset, dataset=self.config.datasets[dataset].listed())

    def list_videos(self) -> ListVideos:
        """Manifest of the training videos."""
        return ListVideos.of(self.config.training_videos)

    def prepare_clips(self, dataset: str, split: Split, shard: str) -> PrepareClips:
        """Frames of a shard of clips, HR and LR."""
        return PrepareClips(split=split, shard=int(shard))

    def prepare_videos(self, shard: str) -> PrepareVideos:
        """Frames of a shard of training videos, HR and LR."""
        return PrepareVideos.of(self.config.training_videos, shard=int(shard))

    def extract_flow(self, dataset: str, source: str, split: Split, shard: str) -> ExtractFlow:
        """Flow of a shard of clips."""
        return ExtractFlow.of(self.config.flow, self.config.recognition, split=split, shard=int(shard))

    def extract_training_flow(self, engine: str, gap: str, shard: str) -> ExtractTrainingFlow:
        """Flow of a shard of training videos."""
        config, neural = self.config, engine == "flownet2"
        return ExtractTrainingFlow.of(
            config.patches,
            config,
            engine=engine,
            gap=int(gap),
            shard=int(shard),
            tvl1=None if neural else config.flow.tvl1,
            flownet2=part(config.flow.flownet2, FlowNetwork) if neural else None,
            compute=part(config.compute, Device) if neural else None,
        )

    def crop_patches(self, kind: str) -> CropPatches:
        """Patches of one kind."""
        pairs = part(self.config.patches, Pairs) if kind == "tosr" else None
        return CropPatches.of(self.config.patches, self.config, kind=kind, pairs=pairs)

    def train_sr(self, model: str) -> TrainSR:
        """Training of a model."""
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
        """How often a training validates and saves its state."""
        training = self.config.superres.models[model].training
        assert training is not None
        return ShowProgress.of(training)

    def super_resolve(self, dataset: str, model: str, split: Split, shard: str) -> SuperResolve:
        """Super-resolution of a shard; the same for all data sets."""
        superres, compute = self.config.superres, self.config.compute
        spec = superres.models[model]
        return SuperResolve.of(spec, superres, compute, split=split, shard=int(shard))

    def measure_cost(self, model: str) -> MeasureCost:
        """Cost of a model, for a frame at the recognisers' size."""
        config = self.config
        size = [side - side % SCALE for side in config.recognition.frame_size]
        return MeasureCost.of(config.superres.models[model], config.compute, size=size)

    def plan_frames(self, dataset: str) -> PlanFrames:
        """Plan of the frames that all recognisers read; the same for all data sets."""
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
        trained = self.rows.recognizer(recognizer).trained(stream, dataset)
        about = {"dataset": dataset, "layout": data.layout, "split": data.split}
        return {"part": trained, "frame_size": size} | about

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
            compute=part(config.compute, Inference),
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

    def draw_comparison(self) -> DrawComparison:
        """The picture of a data set."""
        labels = [self.config.methods[row].label or row for row in self.rows.pictured]
        return DrawComparison(labels=labels, shard=0, bound=self.config.flow.bound)

    def draw_table(self, table: str) -> DrawTable:
        """The picture of a table."""
        return DrawTable(table=self.rows.tables[table])

    def show_clips(self, dataset: str) -> ShowClips:
        """Clips of a data set on the report page."""
        config, rows = self.config, self.rows
        return ShowClips.of(
            config.report.page,
            config.report,
            config.flow,
            sources=["lr", *rows.sources],
            flow_sources=rows.flow_sources,
            **self._columns(config.methods, [dataset], config.recognition.recognizers),
        )

    def build_page(self) -> BuildPage:
        """The report page."""
        config = self.config
        return BuildPage.of(
            config.report,
            config,
            tables=self.rows.page_tables,
            costs=self.rows.super_resolved,
            trainings=[
                Training(group=group, name=name) for group, name, _ in self.experiment.files.trainings()
            ],
            **self._columns(config.methods, config.datasets, config.recognition.recognizers),
        )

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
