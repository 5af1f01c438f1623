"""Jobs, hours and bytes of a run, from what there is to do and what the work takes (throughput.csv)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.config import Config, JointTraining, SRModel, StreamTraining
from pipeline.preflight.counts import Clips
from pipeline.preflight.graph import STREAMS, Graph, views

TABLE = Path(__file__).parent / "throughput.csv"

GPU_TFLOPS = {"float32": 15.0, "bfloat16": 30.0}
"""Operations a second on a GPU, in 1e12: about a tenth of the peak that NVIDIA gives for an A100 (TF32 156,
bfloat16 312). Assumed: no GPU has been measured."""

BACKWARD = 3
"""A training step in forward passes: the gradients of inputs and of weights cost one each."""

FRAME = 320 * 240
PAIR = 340 * 256
FLOWNET_PAIR = 320 * 256
"""Pixels of the units of throughput.csv."""


@dataclass
class Work:
    """What one rule does: jobs, core and GPU hours, bytes on disk."""

    rule: str
    jobs: int
    cpu_hours: float = 0.0
    gpu_hours: float = 0.0
    size: float = 0.0


@cache
def throughput() -> dict[str, dict[str, float]]:
    """For each operation: billions of floating-point operations, and seconds on one core by precision."""
    with TABLE.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        columns = ("gflop", "float32", "bfloat16")
        return {row["operation"]: {c: float(row[c]) for c in columns if row[c]} for row in rows}


def measured_on() -> str:
    """Machine and date of the table, as its first lines tell them."""
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    return " ".join(line.removeprefix("#").strip() for line in lines)


class Estimate:
    """Work of every rule of table4.csv.

    Args:
        config: the checked configuration.
        clips: what there is of each action data set.
        videos: the training videos.

    Attributes:
        unknown: operations that throughput.csv lacks; they count as nothing.
    """

    def __init__(self, config: Config, clips: dict[str, Clips], videos: Clips) -> None:
        self.config, self.clips, self.videos = config, clips, videos
        self.graph = Graph(config)
        self.unknown: set[str] = set()

    def work(self) -> list[Work]:
        """All rules, in the order of the data; rules without jobs are left out."""
        rules = [*self._data(), *self._flow(), *self._superres(), *self._recognition()]
        return [rule for rule in rules if rule.jobs]

    def _data(self) -> list[Work]:
        decode, prepare = self._core_hours("decode"), self._core_hours("prepare")
        sets = self.config.datasets
        trained = {name: self.graph.recognizers_trained(name) for name in sets}
        frames = {n: c.frames("test") + trained[n] * c.frames("train") for n, c in self.clips.items()}
        areas = {name: clips.pixels / FRAME for name, clips in self.clips.items()}
        all_frames = sum(areas[n] * (c.frames("train") + c.frames("test")) for n, c in self.clips.items())
        made = sum(frames[name] * areas[name] for name in sets)
        videos = self.videos.frames("train") * self.videos.pixels / FRAME if self.graph.trained_models else 0
        jobs = sum(d.shards.test + trained[name] * d.shards.train for name, d in sets.items())
        shards = self.config.training_videos.shards
        used = bool(self.graph.trained_models)
        return [
            Work("unpack_archive", len(self.graph.archives), size=self._archive_bytes()),
            Work("list_clips", len(sets), decode * all_frames),
            Work("prepare_clips", jobs, prepare * made, size=self._frame_bytes(made, low=True)),
            Work("list_videos", int(used), decode * videos),
            Work("prepare_videos", shards * used, prepare * videos, size=self._frame_bytes(videos, low=True)),
        ]

    def _flow(self) -> list[Work]:
        config, graph = self.config, self.graph
        width, height = config.recognition.frame_size
        fields = jobs = 0
        for name, dataset in config.datasets.items():
            clips = self.clips[name]
            jobs += dataset.shards.test * len(graph.flowed)
            fields += graph.reads(clips.lengths["test"])[1] * len(graph.flowed)
            if graph.recognizers_trained(name):
                jobs += dataset.shards.train
                fields += clips.frames("train") - clips.clips("train")
        bytes_of_field = width * height * 2 * self._of("store/flow")
        hours = self._core_hours("flow") * width * height / PAIR
        count = min(config.patches.frames_per_video, max(self.videos.lengths["train"], default=0))
        pairs = count * self.videos.clips("train")
        training = Work("extract_training_flow", config.training_videos.shards * len(graph.training_flows))
        for engine, _ in graph.training_flows:
            # Stored unquantised, as 16 bits a component.
            training.size += pairs * self.videos.pixels * 4
            if engine == "tvl1":
                training.cpu_hours += pairs * self._core_hours("flow") * self.videos.pixels / PAIR
            else:
                self._add(training, config.flow.flownet2.network, pairs * self.videos.pixels / FLOWNET_PAIR)
        return [
            Work("plan_frames", len(config.datasets)),
            Work("extract_flow", jobs, fields * hours, size=fields * bytes_of_field),
            training,
            Work("crop_patches", len(graph.patch_kinds), size=self._patch_bytes(pairs)),
        ]

    def _superres(self) -> list[Work]:
        config, graph = self.config, self.graph
        training = Work("train_sr", len(graph.trained_models))
        for name in graph.trained_models:
            self._add_training(training, config.superres.models[name])
        shards = sum(dataset.shards.test for dataset in config.datasets.values())
        inference = Work("super_resolve", shards * len(graph.super_resolved))
        for clips in self.clips.values():
            frames = graph.reads(clips.lengths["test"])[0] * clips.pixels / FRAME
            inference.size += self._frame_bytes(frames) * len(graph.super_resolved)
            for model in graph.super_resolved:
                if operation := sr_operation(config.superres.models[model]):
                    self._add(inference, operation, frames)
        return [training, inference]

    def _add_training(self, work: Work, model: SRModel) -> None:
        training = model.training
        side = training.crop or self.config.patches.size
        images = training.iterations * training.batch_size * (2 if training.losses.warp else 1)
        if operation := sr_operation(model):
            self._add(work, operation, images * BACKWARD * side**2 / FRAME)
        if training.losses.feature and self.config.superres.feature_network.network == "vgg19":
            # HR forward, SR forward and back.
            self._add(work, "features/vgg19", images * (1 + BACKWARD) * (side / 128) ** 2)
        if adversarial := training.losses.adversarial:
            # The generator's step: HR forward, SR forward and back; the discriminator's: both and back.
            self._add(work, f"discriminator/{adversarial.discriminator}", images * (1 + 3 * BACKWARD))

    def _recognition(self) -> list[Work]:
        config, graph = self.config, self.graph
        training, scoring = Work("train_recognizer", 0), Work("score_clips", 0)
        for name, spec in graph.recognizers.items():
            for dataset in config.datasets:
                for stream in graph.trained(name, dataset):
                    training.jobs += 1
                    self._add_stream(training, name, stream, getattr(spec, stream).for_dataset(dataset))
                for row in config.methods:
                    if streams := graph.scored(name, row):
                        scoring.jobs += config.datasets[dataset].shards.test
                        seen = views(spec, streams, config.recognition.frame_size)
                        for stream, count in seen.items():
                            amount = count * self.clips[dataset].clips("test")
                            self._add(scoring, f"recognition/{spec.network}/{stream}", amount)
        return [training, scoring, Work("aggregate", 1)]

    def _add_stream(
        self, work: Work, name: str, stream: str, training: StreamTraining | JointTraining
    ) -> None:
        spec = self.graph.recognizers[name]
        if isinstance(training, JointTraining):
            seen = sum(stage.iterations * stage.batch_size * stage.frames for stage in training.stages)
        else:
            each = spec.train_snippets if spec.protocol == "tsn" else 1
            seen = training.iterations * training.batch_size * each
        for part in STREAMS if stream == "joint" else (stream,):
            self._add(work, f"recognition/{spec.network}/{part}", seen * BACKWARD)

    def _add(self, work: Work, operation: str, amount: float) -> None:
        """Add the time of an amount of a network's work, on the configuration's device."""
        compute = self.config.compute
        known = throughput().get(operation)
        if known is None:
            self.unknown.add(operation)
        elif compute.device == "cuda":
            work.gpu_hours += amount * known["gflop"] / GPU_TFLOPS[compute.precision] / 1e3 / 3600
        else:
            work.cpu_hours += amount * known.get(compute.precision, known["float32"]) / 3600

    def _of(self, operation: str) -> float:
        return throughput()[operation]["float32"]

    def _core_hours(self, operation: str) -> float:
        return self._of(operation) / 3600

    def _frame_bytes(self, frames: float, low: bool = False) -> float:
        """Size of a store of 320x240 frames, with their LR frames where asked."""
        return frames * FRAME * 3 * self._of("store/frames") * (17 / 16 if low else 1)

    def _patch_bytes(self, pairs: float) -> float:
        """Upper bound of the patch files: all crops kept, nothing compressed."""
        patches = self.config.patches
        pixels = patches.size**2
        each = {
            "sosr": pixels * (3 + 3 / 16 + 4),
            "tosr": pixels * (6 + 2 * patches.neighbours * 3 / 16 + 4),
        }
        return sum(pairs * patches.crops * each[kind] for kind in self.graph.patch_kinds)

    def _archive_bytes(self) -> float:
        """Videos and lists hardly shrink in archives."""
        data = [*self.config.datasets.values(), self.config.training_videos]
        paths = [p for d in data for p in (d.root, getattr(d, "splits", None)) if p is not None]
        return sum(path.stat().st_size for path in paths if path.is_file())


def sr_operation(model: SRModel) -> str | None:
    """A network in throughput.csv, at its published size; None where it takes no time to speak of."""
    if model.network == "bicubic":
        return None
    depth = f"_{model.args.get('depth', 16)}" if model.network == "vsr_duf" else ""
    return f"sr/{model.network}{depth}"
