"""Estimates jobs, hours and bytes of a run from the amount of work and its measured cost (throughput.csv)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pipeline.config import Config, Dataset, SRModel, TrainingVideos
from pipeline.config.superres import LossNetwork
from pipeline.experiment import Experiment
from pipeline.experiment.degraded import parse
from pipeline.preflight.counts import Clips, count_clips, count_videos
from pipeline.preflight.reading import Reads
from pipeline.preflight.throughput import GPU_TFLOPS, Measured, Operation, throughput
from pipeline.recognition.streams import BuiltStream, TrainedStream

BACKWARD = 3
"""Cost of a training step in forward passes: the gradients of inputs and of weights cost one each."""

FRAME = 320 * 240
PAIR = 340 * 256
FLOWNET_PAIR = 320 * 256
"""Pixels of the units in throughput.csv."""


class ClipPass(NamedTuple):
    """A ``ClipNetwork``: the frames of a pass, which makes one of them; and how it is given whole clips."""

    frames: int
    segment: int
    overlap: int


CLIP_NETWORKS = {"basicvsr": ClipPass(frames=7, segment=60, overlap=15)}
"""Networks of superres/networks that see whole clips, which only their classes tell, and these load torch. A
training's pass takes all its frames for one; super-resolution takes each about once."""


@dataclass
class Work:
    """The work of one rule: jobs, core and GPU hours, bytes on disk."""

    rule: str
    jobs: int
    cpu_hours: float = 0.0
    gpu_hours: float = 0.0
    size: float = 0.0


class Estimate:
    """Work of every rule of table4.csv.

    Args:
        config: the checked configuration.
        clips: clips of each action data set.
        videos: the training videos.
        measured: seconds on this machine, which take precedence over throughput.csv.

    Attributes:
        operations: the networks that ``work`` has counted, each once.
        packaged: names of those that were not measured on this machine.
        unknown: names of those that throughput.csv lacks as well; they count as zero.
    """

    def __init__(
        self, config: Config, clips: dict[str, Clips], videos: Clips, measured: Measured | None = None
    ) -> None:
        self.config, self.clips, self.videos = config, clips, videos
        self.measured = measured or Measured()
        experiment = Experiment(config)
        self.rows, self.models, self.files = experiment.rows, experiment.models, experiment.files
        self.reads = Reads(config)
        training = [model for name in config.datasets for model in self._made_for_training(name)]
        self.trained_models = self.models.trained([*self.rows.super_resolved, *training])
        self.operations: dict[tuple[str, str], Operation] = {}
        self.packaged: set[str] = set()
        self.unknown: set[str] = set()

    def work(self) -> list[Work]:
        """All rules, in the order of the data; rules without jobs are left out."""
        rules = [*self._data(), *self._flow(), *self._superres(), *self._recognition()]
        return [rule for rule in rules if rule.jobs]

    def _data(self) -> list[Work]:
        decode, prepare = self._core_hours("decode"), self._core_hours("prepare")
        sets = self.config.datasets
        trained = {name: self._recognizers_trained(name) for name in sets}
        frames = {n: c.frames("test") + trained[n] * c.frames("train") for n, c in self.clips.items()}
        areas = {name: clips.pixels / FRAME for name, clips in self.clips.items()}
        all_frames = sum(areas[n] * (c.frames("train") + c.frames("test")) for n, c in self.clips.items())
        made = sum(frames[name] * areas[name] for name in sets)
        used = bool(self.trained_models)
        videos = used * self.videos.frames("train") * self.videos.pixels / FRAME
        jobs = sum(d.shards.test + trained[name] * d.shards.train for name, d in sets.items())
        shards = self.config.training_videos.shards
        archives = self.files.archives([*sets, *["training_videos"] * used])
        return [
            Work("unpack_archive", len(archives), size=self._archive_bytes()),
            Work("list_clips", len(sets), decode * all_frames),
            Work("prepare_clips", jobs, prepare * made, size=self._frame_bytes(made, low=True)),
            Work("list_videos", int(used), decode * videos),
            Work("prepare_videos", shards * used, prepare * videos, size=self._frame_bytes(videos, low=True)),
        ]

    def _flow(self) -> list[Work]:
        config, rows = self.config, self.rows
        width, height = config.recognition.frame_size
        fields = jobs = 0
        for name, dataset in config.datasets.items():
            clips = self.clips[name]
            sources = [source for source in rows.flow_sources if source != "hr" or not dataset.native]
            jobs += dataset.shards.test * len(sources)
            fields += self.reads.count(clips.lengths["test"])[1] * len(sources)
            trained_on = len(rows.training_sources(name)[1])
            jobs += dataset.shards.train * trained_on
            fields += (clips.frames("train") - clips.clips("train")) * trained_on
        bytes_of_field = width * height * 2 * self._of("store/flow")
        hours = self._core_hours("flow") * width * height / PAIR
        count = min(config.patches.frames_per_video, max(self.videos.lengths["train"], default=0))
        pairs = count * self.videos.clips("train")
        kinds = self.models.patch_kinds(self.trained_models)
        flows = sorted({self.models.patch_flow(kind) for kind in kinds})
        training = Work("extract_training_flow", config.training_videos.shards * len(flows))
        for engine, _ in flows:
            # Stored unquantised, with 16 bits per component.
            training.size += pairs * self.videos.pixels * 4
            if engine == "tvl1":
                training.cpu_hours += pairs * self._core_hours("flow") * self.videos.pixels / PAIR
            else:
                name = config.flow.flownet2.network
                flownet = Operation("flow", name, name, "320x256 pair")
                self._add(training, flownet, pairs * self.videos.pixels / FLOWNET_PAIR)
        return [
            Work("plan_frames", len(config.datasets)),
            Work("extract_flow", jobs, fields * hours, size=fields * bytes_of_field),
            training,
            Work("crop_patches", len(kinds), size=self._patch_bytes(pairs, kinds)),
        ]

    def _superres(self) -> list[Work]:
        config, made = self.config, self.rows.super_resolved
        training = Work("train_sr", len(self.trained_models))
        for name in self.trained_models:
            self._add_training(training, config.superres.models[name], self.models.file(name))
        inference, imported = Work("super_resolve", 0), self.rows.imported
        checking, importing = Work("check_frames", 0), Work("import_frames", 0)
        decode = self._core_hours("decode")
        for name, clips in self.clips.items():
            shards, area = config.datasets[name].shards, clips.pixels / FRAME
            lengths = clips.lengths["test"]
            read = self.reads.count(lengths)[0]
            parts = [(made, "test", shards.test, read)]
            parts += [(self._made_for_training(name), "train", shards.train, clips.frames("train"))]
            for models, split, jobs, frames in parts:
                inference.jobs += jobs * len(models)
                inference.size += frames * area * FRAME * 3 * self._of("store/sr") * len(models)
                for model in models:
                    spec = config.superres.models[model]
                    if operation := sr_operation(spec, config.scale, self.models.file(model)):
                        passes = frames * area
                        if split == "test" and (whole := CLIP_NETWORKS.get(spec.network)):
                            seen = self.reads.seen(lengths, whole.segment, whole.overlap)
                            passes = seen * area / whole.frames
                        self._add(inference, operation, passes)
            checking.jobs += len(imported)
            importing.jobs += shards.test * len(imported)
            importing.size += read * area * FRAME * 3 * self._of("store/sr") * len(imported)
            for work in (checking, importing):
                work.cpu_hours += decode * clips.frames("test") * area * len(imported)
        return [training, inference, checking, importing]

    def _add_training(self, work: Work, model: SRModel, start: Path | None) -> None:
        training = model.training
        assert training is not None  # as of all ``trained_models``
        side = training.crop or self.config.patches.size
        images = training.iterations * training.batch_size * (2 if training.pairs else 1)
        if operation := sr_operation(model, self.config.scale, start):
            self._add(work, operation, images * BACKWARD * side**2 / FRAME)
        for loss in training.terms.values():
            for own in loss.networks(self.config.superres.feature_network):
                operation, units = loss_operation(own, side)
                self._add(work, operation, images * (own.forward + own.trained * BACKWARD) * units)

    def _recognition(self) -> list[Work]:
        config, rows = self.config, self.rows
        training, scoring = Work("train_recognizer", 0), Work("score_clips", 0)
        for name, spec in rows.recognizers.items():
            for dataset in config.datasets:
                for stream in rows.trained_streams(name, dataset):
                    training.jobs += 1
                    self._add_stream(training, spec.trained(stream, dataset))
                for row in config.methods:
                    if (streams := rows.scored_streams(name, row)) and rows.shows(row, dataset):
                        scoring.jobs += config.datasets[dataset].shards.test
                        for scored in map(spec.scored, streams):
                            width, height = config.recognition.frame_size
                            views = scored.views(width, height, spec.crop)
                            for operation in stream_operations(scored, spec.crop):
                                self._add(scoring, operation, views * self.clips[dataset].clips("test"))
        return [training, scoring, Work("aggregate", 1)]

    def _add_stream(self, work: Work, stream: TrainedStream) -> None:
        seen = sum(stage.iterations * stage.batch_size * stream.count(stage) for stage in stream.stages)
        for operation in stream_operations(stream, stream.crop):
            self._add(work, operation, seen * BACKWARD)

    def _add(self, work: Work, operation: Operation, amount: float) -> None:
        """Add the time of a number of passes on the configuration's device."""
        hours = amount * self._seconds(operation) / 3600
        if self.config.compute.device == "cuda":
            work.gpu_hours += hours
        else:
            work.cpu_hours += hours

    def _recognizers_trained(self, dataset: str) -> bool:
        """Whether any recogniser is trained on a data set."""
        return any(self.rows.trained_streams(name, dataset) for name in self.rows.recognizers)

    def _made_for_training(self, dataset: str) -> list[str]:
        """Models that super-resolve training clips of a data set."""
        frames, flow = self.rows.training_sources(dataset)
        return [model for model in dict.fromkeys([*frames, *flow]) if model != "hr"]

    def _seconds(self, operation: Operation) -> float:
        """Seconds of one pass: measured on this machine, else packaged, else 0."""
        self.operations[operation.key] = operation
        if operation.key in self.measured.seconds:
            return self.measured.seconds[operation.key]
        known = throughput().get(operation.name)
        if known is None:
            self.unknown.add(operation.name)
            return 0.0
        self.packaged.add(operation.name)
        compute = operation.settings(self.config.compute)
        if compute.device == "cuda":
            return known["gflop"] / 1e3 / GPU_TFLOPS[compute.precision]
        return known.get(compute.precision, known["float32"])

    def _of(self, operation: str) -> float:
        return throughput()[operation]["float32"]

    def _core_hours(self, operation: str) -> float:
        return self._of(operation) / 3600

    def _frame_bytes(self, frames: float, low: bool = False) -> float:
        """Size of a store of 320x240 HR frames; with ``low`` also of their LR frames."""
        ratio = self._of("store/frames") + low * self._of("store/lr") / self.config.scale**2
        return frames * FRAME * 3 * ratio

    def _patch_bytes(self, pairs: float, kinds: list[str]) -> float:
        """Upper bound for the patch files: all crops kept, no compression."""
        patches = self.config.patches
        pixels, low = patches.size**2, 3 / self.config.scale**2
        each = {
            "sosr": pixels * (3 + low + 4),
            "tosr": pixels * (6 + 2 * patches.neighbours * low + 4),
        }
        return sum(pairs * patches.crops * each[parse(kind).name] for kind in kinds)

    def _archive_bytes(self) -> float:
        """Size of unpacked archives: videos and lists hardly compress."""
        data: list[Dataset | TrainingVideos] = [*self.config.datasets.values(), self.config.training_videos]
        paths = [p for d in data for p in (d.root, getattr(d, "splits", None)) if p is not None]
        return sum(path.stat().st_size for path in paths if path.is_file())


def network_operations(config: Config) -> list[Operation]:
    """The networks that a run uses, each once."""
    clips = {name: count_clips(config, name) for name in config.datasets}
    estimate = Estimate(config, clips, count_videos(config))
    estimate.work()
    return list(estimate.operations.values())


def sr_operation(model: SRModel, scale: int = 4, weights: Path | None = None) -> Operation | None:
    """An SR network on one HR frame; None if its time is negligible. Only x4 is in throughput.csv.

    ``weights``: as of ``Models.file``.
    """
    if model.network == "bicubic":
        return None
    if model.network == "spandrel" and weights:
        name = f"sr/spandrel {weights.stem}"
        return Operation("sr", name, model.network, "320x240 frame", model.args, scale, weights)
    depth = f"_{model.args.get('depth', 52)}" if model.network == "vsr_duf" else ""
    name = f"sr/{model.network}{depth}" + (f"_x{scale}" if scale != 4 else "")
    return Operation("sr", name, model.network, "320x240 frame", model.args, scale)


def loss_operation(own: LossNetwork, side: int) -> tuple[Operation, float]:
    """A loss's own network on an image, and the number of the operation's units in a patch of a side."""
    name = f"{own.kind}/{own.name}"
    if own.kind == "features":
        return Operation("features", name, own.name, "128x128 image"), (side / 128) ** 2
    return Operation("discriminator", name, own.name, f"{side}x{side} image", own.args), 1.0


def stream_operations(stream: BuiltStream, crop: int) -> list[Operation]:
    """The backbones of a stream on one view of ``crop`` pixels."""
    if stream.clip_shape:
        args = {**stream.args, "frames": stream.clip_shape[0]}
        name = f"recognition/{stream.network}/clip"
        return [Operation("clip", name, stream.network, f"{crop}x{crop} clip", args)]
    operations = []
    for flow, channels in zip(stream.flows, stream.channels, strict=True):
        name = f"recognition/{stream.network}/{'temporal' if flow else 'spatial'}"
        args = {**stream.args, "in_channels": channels}
        operations.append(Operation("recognition", name, stream.network, f"{crop}x{crop} view", args))
    return operations
