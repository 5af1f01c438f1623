"""The requests of all jobs: the configuration values that a job reads, by the wildcards of its rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pipeline.config import Method
from pipeline.config.compute import Device, Inference
from pipeline.config.degradation import Step, plain
from pipeline.config.flow import FlowNetwork
from pipeline.config.patches import Pairs
from pipeline.data.request import (
    DegradeFrames,
    GenerateDemo,
    ListClips,
    ListVideos,
    PrepareClips,
    PrepareNativeClips,
    PrepareVideos,
)
from pipeline.experiment.degraded import parse
from pipeline.experiment.rows import TWO_STREAMS
from pipeline.flow.request import ExtractFlow, ExtractTrainingFlow
from pipeline.patches.request import CropPatches
from pipeline.quality.request import MeasureQuality
from pipeline.recognition.request import PlanFrames, ScoreClips, TrainRecognizer
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
from pipeline.superres.request import (
    CheckFrames,
    ImportFrames,
    MeasureCost,
    ShowProgress,
    SuperResolve,
    TrainSR,
)

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
        return ListClips.of(self.config, name=dataset, dataset=self.config.datasets[dataset].listed())

    def list_videos(self) -> ListVideos:
        """Manifest of the training videos."""
        return ListVideos.of(self.config.training_videos, self.config)

    def prepare_clips(self, dataset: str, split: Split, shard: str) -> PrepareClips:
        """Frames of a shard of clips, HR and LR."""
        return PrepareClips.of(
            self.config, split=split, shard=int(shard), **_needs(self.config.degradation, self.config.seed)
        )

    def prepare_native_clips(self, dataset: str, split: Split, shard: str) -> PrepareNativeClips:
        """Frames of a shard of clips that are LR by themselves."""
        return PrepareNativeClips.of(self.config, split=split, shard=int(shard))

    def prepare_videos(self, shard: str) -> PrepareVideos:
        """Frames of a shard of training videos, HR and LR."""
        return PrepareVideos.of(
            self.config.training_videos,
            self.config,
            shard=int(shard),
            **_needs(self.config.degradation, self.config.seed),
        )

    def degrade_frames(self, name: str, split: Split, shard: str, degradation: str) -> DegradeFrames:
        """LR frames of a shard under a further degradation."""
        chain = self.config.degradations[degradation]
        needs = _needs(chain, self.config.seed)
        return DegradeFrames.of(self.config, degradation=chain, split=split, shard=int(shard), **needs)

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
        config, (kind, degradation) = self.config, parse(kind)
        pairs = part(config.patches, Pairs) if kind == "tosr" else None
        chain = config.degradations[degradation] if degradation else config.degradation
        # Down-sampled patches are bicubic ones, and codecs need whole frames.
        whole = plain(chain) and (pairs is None or pairs.pair_lr == "patch")
        low = "patch" if whole else "frame"
        return CropPatches.of(config.patches, config, kind=kind, pairs=pairs, low=low)

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
        spec = superres.models[parse(model).name]
        return SuperResolve.of(spec, superres, compute, self.config, split=split, shard=int(shard))

    def check_frames(self, dataset: str, row: str, split: Split) -> CheckFrames:
        """Clips of a data set that another tool super-resolved."""
        return CheckFrames(dataset=dataset, row=row, split=split)

    def import_frames(self, dataset: str, row: str, split: Split, shard: str) -> ImportFrames:
        """Their frames that are read; the same for all data sets."""
        return ImportFrames(split=split, shard=int(shard))

    def measure_cost(self, model: str) -> MeasureCost:
        """Cost of a model, for a frame at the recognisers' size."""
        config = self.config
        size = [side - side % config.scale for side in config.recognition.frame_size]
        return MeasureCost.of(config.superres.models[model], config, config.compute, size=size)

    def plan_frames(self, dataset: str) -> PlanFrames:
        """Plan of the frames that all recognisers read; the same for all data sets."""
        specs = self.config.recognition.recognizers.values()
        return PlanFrames(streams=[spec.planned(stream) for spec in specs for stream in spec.streams])

    def train_recognizer(self, dataset: str, recognizer: str, stream: str) -> TrainRecognizer:
        """Training of a stream."""
        data, rows = self.config.datasets[dataset], self.rows
        return TrainRecognizer.of(
            self.config,
            self.config.recognition,
            part=rows.recognizer(recognizer).trained(stream, dataset),
            trained_on=[rows.training_source(recognizer, kind) for kind in TWO_STREAMS],
            ratio=float(rows.mixed_ratio(recognizer)),
            **{"dataset": dataset, "layout": data.layout, "split": data.split},
        )

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
        return MeasureQuality.of(
            config.quality, config.flow, config, dataset=dataset, model=model, shard=int(shard)
        )

    def aggregate(self) -> Aggregate:
        """Table 4."""
        config = self.config
        columns = self._columns(config.methods, config.datasets, config.recognition.recognizers)
        return Aggregate.of(config.report, config, **columns)

    def tabulate(self, table: str) -> Tabulate:
        """A table beside Table 4."""
        section = self.rows.tables[table]
        natives = [
            name for name in self.rows.without_hr if section.datasets is None or name in section.datasets
        ]
        columns = self._columns(section.scored_rows(self.rows), *section.columns(self.experiment))
        settings = section.Settings.of(self.config.report, self.config.quality, self.config)
        return Tabulate.of(
            self.config.report,
            self.config,
            name=table,
            table=section,
            settings=settings.model_dump(mode="json"),
            lacking_hr=[self.config.datasets[n].label or n for n in natives if section.needs_hr],
            **columns,
        )

    def draw_comparison(self, dataset: str) -> DrawComparison:
        """The picture of a data set."""
        labels = [self.config.methods[row].label or row for row in self.rows.pictured_of(dataset)]
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
            config,
            sources=["lr", *rows.there(dataset, rows.sources)],
            flow_sources=rows.there(dataset, rows.flow_sources),
            **self._columns(config.methods, [dataset], config.recognition.recognizers),
        )

    def build_page(self) -> BuildPage:
        """The report page."""
        config = self.config
        return BuildPage.of(
            config.report,
            config,
            tables=self.rows.page_tables,
            costs=self.rows.costed,
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
            "rows": [RowEntry.of(name, row) for name, row in rows.items()],
            "datasets": self._datasets(list(datasets)),
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

    def _datasets(self, names: list[str]) -> list[DatasetEntry]:
        """Data sets of a table; after the last split of several also all of them together."""
        entries = []
        for name in names:
            data = self.config.datasets[name]
            about: dict[str, Any] = {"limit": data.limit, "resolution": data.resolution}
            entries.append(
                DatasetEntry(name=name, label=data.label, published=data.published, joins=[], **about)
            )
            splits = self.rows.splits_of(name)
            if splits and splits[-1] == name and set(splits) <= set(names):
                whole = name.removesuffix(f"_{data.split}")
                numbers = ", ".join(str(self.config.datasets[one].split) for one in splits)
                label = f"{data.split_of} splits {numbers}"
                entries.append(DatasetEntry(name=whole, label=label, published=None, joins=splits, **about))
        return entries


def _needs(chain: list[Step], seed: int) -> dict[str, Any]:
    """What the bytes of a degradation depend on beside its keys: the seed, the version of ffmpeg."""
    # Imported here, because only codecs ask ffmpeg.
    from pipeline.video.process import ffmpeg_version

    return {
        "seed": seed if any(step.draws for step in chain) else None,
        "ffmpeg": ffmpeg_version() if any(step.encodes for step in chain) else None,
    }
