"""Files of the stages: paths below the output folder, and files that the configuration names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline.config import Config, Dataset, TrainingVideos
from pipeline.data.made import clips_folder
from pipeline.data.members import is_archive
from pipeline.errors import PipelineError
from pipeline.experiment.degraded import parse, under
from pipeline.experiment.models import Models
from pipeline.experiment.rows import Rows
from pipeline.weights.location import resolve


class Given(str):
    """Path of a file that the configuration names. Its content counts, not its time stamp."""


class Files:
    """Files that the jobs of the rules read, by wildcards: paths and lists of paths."""

    def __init__(self, config: Config, rows: Rows, models: Models) -> None:
        self.config, self.rows, self.models = config, rows, models
        self.out = str(config.output)

    def shards(self, dataset: str, split: str) -> range:
        """Numbers of the shards of a data set's split."""
        return range(getattr(self.config.datasets[dataset].shards, split))

    def frames(self, dataset: str, source: str, split: str, shard: int | str) -> str:
        """Frame store of a source: the HR video, or LR video super-resolved by a model."""
        if source == "hr":
            return f"{self.out}/data/{dataset}/{split}-{shard}/hr.h5"
        return f"{self.out}/superres/frames/{dataset}/{source}/{split}-{shard}.h5"

    def low(self, dataset: str, source: str, split: str, shard: int | str) -> str:
        """LR frame store that a source super-resolves."""
        return self._low(dataset, split, shard, parse(source).degradation)

    def _low(self, name: str, split: str, shard: int | str, degradation: str) -> str:
        part = f"lr-{degradation}" if degradation else "lr"
        return f"{self.out}/data/{name}/{split}-{shard}/{part}.h5"

    def all_frames(self, dataset: str, source: str, split: str) -> list[str]:
        """Frame stores of a source, all shards."""
        return [self.frames(dataset, source, split, shard) for shard in self.shards(dataset, split)]

    def flow(self, dataset: str, source: str, split: str, shard: int | str) -> str:
        """Flow store of a source."""
        return f"{self.out}/flow/{dataset}/{source}/{split}-{shard}.h5"

    def all_flow(self, dataset: str, source: str, split: str) -> list[str]:
        """Flow stores of a source, all shards."""
        return [self.flow(dataset, source, split, shard) for shard in self.shards(dataset, split)]

    def recognizer_flow(self, dataset: str, recognizer: str, source: str) -> list[str]:
        """Flow stores of a source that a recogniser trains on, all shards; none if it reads no flow."""
        return self.all_flow(dataset, source, "train") if self.rows.sees_flow(recognizer) else []

    def training_frames(self, dataset: str, recognizer: str) -> list[str]:
        """Frame stores that a recogniser trains on."""
        return self.all_frames(dataset, self.rows.training_source(recognizer, "spatial"), "train")

    def training_fields(self, dataset: str, recognizer: str) -> list[str]:
        """Flow stores that a recogniser trains on."""
        return self.recognizer_flow(dataset, recognizer, self.rows.training_source(recognizer, "temporal"))

    def low_frames(self, dataset: str, recognizer: str) -> list[str]:
        """Frame stores of the LR clips of a mixture; none for other trainings."""
        low = self.rows.baseline if self.rows.mixed_ratio(recognizer) else None
        return self.all_frames(dataset, low, "train") if low else []

    def low_fields(self, dataset: str, recognizer: str) -> list[str]:
        """Flow stores of the LR clips of a mixture."""
        low = self.rows.baseline if self.rows.mixed_ratio(recognizer) else None
        return self.recognizer_flow(dataset, recognizer, low) if low else []

    def plan(self, dataset: str, split: str) -> list[str]:
        """Plan of the frames that are read: some frames of test clips; none for training, which reads any."""
        return [] if split == "train" else [f"{self.out}/recognition/{dataset}/plan.json"]

    def training_store(self, part: str) -> list[str]:
        """HR or LR frame stores of the training videos, all shards."""
        shards = range(self.config.training_videos.shards)
        return [f"{self.out}/data/training_videos/train-{shard}/{part}.h5" for shard in shards]

    def training_low(self, kind: str) -> list[str]:
        """LR frame stores of the training videos from which a kind of patches is cut, all shards."""
        degradation, shards = parse(kind).degradation, range(self.config.training_videos.shards)
        return [self._low("training_videos", "train", shard, degradation) for shard in shards]

    def training_flow(self, kind: str) -> list[str]:
        """Flow stores of the training videos by which a kind of patches is chosen, all shards."""
        engine, gap = self.models.patch_flow(kind)
        shards = range(self.config.training_videos.shards)
        return [f"{self.out}/flow/training_videos/{engine}-gap{gap}/{shard}.h5" for shard in shards]

    def patches(self, model: str) -> str:
        """Patches on which a model is trained."""
        training = self.config.superres.models[model].training
        assert training is not None
        return f"{self.out}/patches/{under(training.patches, training.degradation)}.h5"

    def model_weights(self, model: str) -> list[str]:
        """Weights of a model: published or trained here; none for a network without parameters."""
        model = parse(model).name
        spec = self.config.superres.models[model]
        if spec.weights:
            return [Given(spec.weights)]
        return [f"{self.out}/superres/models/{model}.safetensors"] if spec.training else []

    def imported(self, dataset: str, row: str) -> str:
        """Folder of a data set's clips that another tool super-resolved for a row."""
        return str(clips_folder(self.rows.imported[row], dataset, list(self.config.datasets)))

    def init_weights(self, model: str) -> list[str]:
        """Weights from which the training of a model starts."""
        init = self.config.superres.models[model].init
        return self.model_weights(init) if init else []

    def loss_weights(self, model: str) -> list[str]:
        """Files that the losses of a training read: the feature network's weights, and their own files."""
        training = self.config.superres.models[model].training
        losses = list(training.terms.values()) if training else []
        features = self.config.superres.feature_network.weights
        given = [features] if features and any(loss.features for loss in losses) else []
        return [Given(path) for path in (*given, *(path for loss in losses for path in loss.weights()))]

    def flow_weights(self, engine: str) -> list[str]:
        """Weights of a flow engine."""
        weights = self.config.flow.flownet2.weights
        return [Given(weights)] if weights and engine == "flownet2" else []

    def published_stream(self, dataset: str, recognizer: str, stream: str) -> Path | None:
        """Published weights of a stream; None if it is trained here, as variants always are."""
        if recognizer in self.rows.variants:
            return None
        return self.rows.recognizer(recognizer).weights_for(stream, self.rows.recognizers_from(dataset))

    def recognizer_weights(self, dataset: str, recognizer: str, streams: Iterable[str]) -> list[str]:
        """Weights of some streams, published or trained here."""
        files = []
        for stream in streams:
            published = self.published_stream(dataset, recognizer, stream)
            trained = self.rows.recognizers_from(dataset)
            made = f"{self.out}/recognition/{trained}/{recognizer}/{stream}.safetensors"
            files.append(Given(published) if published else made)
        return files

    def scoring_weights(self, dataset: str, recognizer: str, method: str) -> list[str]:
        """Weights of the streams that are scored for a row or a pair."""
        streams = self.rows.scored_streams(recognizer, method)
        return self.recognizer_weights(dataset, recognizer, streams)

    def start_weights(self, dataset: str, recognizer: str, stream: str) -> list[str]:
        """Weights of the streams from which the training of a stream starts."""
        parts = self.rows.recognizer(recognizer).streams[stream]
        return self.recognizer_weights(dataset, recognizer, parts.trained.starts_from)

    def initial_weights(self, recognizer: str) -> list[str]:
        """ImageNet weights from which the training of a recogniser starts."""
        named = self.rows.recognizer(recognizer).initial_weights
        try:
            return [Given(resolve(named))] if named else []
        except PipelineError:
            return []  # missing; only a dry run gets this far

    def scored_frames(self, dataset: str, recognizer: str, method: str, shard: str) -> list[str]:
        """Frame store that the scored streams of a row read, if any."""
        if not self.rows.reads(recognizer, method)[0]:
            return []
        return [self.frames(dataset, self.rows.source(method, "spatial"), "test", shard)]

    def scored_flow(self, dataset: str, recognizer: str, method: str, shard: str) -> list[str]:
        """Flow store that the scored streams of a row read, if any."""
        if not self.rows.reads(recognizer, method)[1]:
            return []
        return [self.flow(dataset, self.rows.source(method, "temporal"), "test", shard)]

    def class_manifest(self, dataset: str) -> list[str]:
        """Manifest of another data set, on which the recognisers of a data set were trained."""
        other = self.config.datasets[dataset].recognizer_from
        return [f"{self.out}/data/{other}/manifest.csv"] if other else []

    def scores(
        self, methods: Iterable[str], datasets: Iterable[str], recognizers: Iterable[str]
    ) -> list[str]:
        """Score files of all shards of some rows."""
        return [
            f"{self.out}/recognition/{dataset}/{recognizer}/scores/{method}/{shard}.npz"
            for dataset in datasets
            for recognizer in recognizers
            for method in methods
            for shard in self.shards(dataset, "test")
            if self.rows.scored_streams(recognizer, method) and self.rows.shows(method, dataset)
        ]

    def pair_scores(self, datasets: Iterable[str], recognizers: Iterable[str]) -> list[str]:
        """Score files of the pairs that no row shows, scored by joint networks."""
        return [
            f"{self.out}/recognition/{dataset}/{recognizer}/pairs/{pair}.npz"
            for dataset in datasets
            for recognizer in recognizers
            for pair in self.rows.pairs
            if self.rows.scored_streams(recognizer, pair) and self.rows.shows(pair, dataset)
        ]

    def quality(self, datasets: Iterable[str]) -> list[str]:
        """Quality measurements of each model's frames, all shards of some data sets."""
        return [
            f"{self.out}/quality/{dataset}/{model}/{shard}.csv"
            for dataset in datasets
            for model in dict.fromkeys(row.model for row in self.rows.measured.values())
            for shard in self.shards(dataset, "test")
        ]

    def shown_frames(self, dataset: str) -> list[str]:
        """Frame stores of test clips for the report page: LR's, then those of the rows' sources."""
        low = [f"{self.out}/data/{dataset}/test-{shard}/lr.h5" for shard in self.shards(dataset, "test")]
        others = [
            path
            for s in self.rows.there(dataset, self.rows.sources)
            for path in self.all_frames(dataset, s, "test")
        ]
        return low + others

    def shown_flow(self, dataset: str) -> list[str]:
        """Flow stores likewise."""
        return [
            path
            for s in self.rows.there(dataset, self.rows.flow_sources)
            for path in self.all_flow(dataset, s, "test")
        ]

    def trainings(self) -> list[tuple[str, str, str]]:
        """Group, name and weights of each training of the rows of Table 4."""
        shown = [name for name in self.rows.super_resolved if self.config.superres.models[name].training]
        found = [("SR networks", n, self.model_weights(n)[0]) for n in self.models.trained(shown)]
        for dataset, data in self.config.datasets.items():
            for recognizer, spec in self.rows.recognizers.items():
                group = f"{spec.label or recognizer} on {data.label or dataset}"
                for stream in self.rows.trained_streams(recognizer, dataset):
                    (weights,) = self.recognizer_weights(dataset, recognizer, [stream])
                    found.append((group, stream, weights))
        return found

    def made_folder(self, name: str, part: str) -> list[str]:
        """Folder that a job makes for a data set's videos or lists: demo data, or an unpacked archive."""
        root = self._root(name, part)
        if is_archive(root):
            return [f"{self.out}/unpacked/{name}/{part}"]
        folder = f"{self.out}/demo/{name}"
        return [folder] if str(root) in (folder, f"{folder}/{part}") else []

    def archive(self, name: str, part: str) -> list[str]:
        """The archive that a job unpacks."""
        return [Given(self._root(name, part))]

    def archives(self, names: Iterable[str]) -> list[str]:
        """All archives among the videos and lists of some data sets."""
        roots = [self._root(name, part) for name in names for part in ("videos", "splits")]
        return [Given(root) for root in roots if is_archive(root)]

    def below(self, name: str, part: str) -> str:
        """A data set's path relative to the folder that a job makes for it; the whole path if none does."""
        root = self._root(name, part)
        return "" if is_archive(root) else str(root).removeprefix("".join(self.made_folder(name, part)))

    def _root(self, name: str, part: str) -> Path | None:
        data = self.data(name)
        return data.root if part == "videos" else getattr(data, "splits", None)

    def data(self, name: str) -> Dataset | TrainingVideos:
        """Section of a data set, or of the training videos."""
        return self.config.datasets.get(name, self.config.training_videos)
