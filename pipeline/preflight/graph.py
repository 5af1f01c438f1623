"""What the graph of table4.csv holds: models, streams and frames that the rows need, as rules/ has them."""

from __future__ import annotations

from collections import Counter
from functools import cache, cached_property

from pipeline.config import Config, Recognizer
from pipeline.data.members import is_archive
from pipeline.recognition.plan import read_indices

STREAMS = ("spatial", "temporal")


class Graph:
    """Answers of the rules' own questions (rules/common.smk), from the configuration alone."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.recognizers = config.recognition.recognizers
        self.read = cache(self._read)

    def streams(self, recognizer: str) -> list[str]:
        """Streams of a recogniser; ST-ResNet's joint network is a third."""
        return [*STREAMS, *["joint"] * (self.recognizers[recognizer].protocol == "st_resnet")]

    def scored(self, recognizer: str, row: str) -> list[str]:
        """Streams that a row scores itself: a pairing only what sees both of its streams."""
        streams = self.streams(recognizer)
        return streams if self.config.methods[row].model else [s for s in streams if s == "joint"]

    def trained(self, recognizer: str, dataset: str) -> list[str]:
        """Streams without published weights."""
        spec = self.recognizers[recognizer]
        return [s for s in self.streams(recognizer) if not spec.weights_for(s, dataset)]

    @cached_property
    def sources(self) -> list[str]:
        """Models (and "hr") whose frames are recognised."""
        rows = [row for row in self.config.methods if any(self.scored(r, row) for r in self.recognizers)]
        return list(dict.fromkeys(self._model(row, stream) for row in rows for stream in STREAMS))

    @property
    def super_resolved(self) -> list[str]:
        return [source for source in self.sources if source != "hr"]

    @property
    def flowed(self) -> list[str]:
        """Sources of flow on the test clips."""
        rows = [row for row in self.config.methods if any(self.scored(r, row) for r in self.recognizers)]
        return list(dict.fromkeys(self._model(row, "temporal") for row in rows))

    @cached_property
    def trained_models(self) -> list[str]:
        """SR networks that are trained: those of the rows, and those that they start from."""
        models = self.config.superres.models
        pending, found = list(self.super_resolved), []
        while pending:
            name = pending.pop(0)
            if models[name].training and name not in found:
                found.append(name)
                pending += [models[name].init] if models[name].init else []
        return found

    @property
    def patch_kinds(self) -> list[str]:
        """Kinds of training patches that are cropped."""
        models = self.config.superres.models
        return sorted({models[name].training.patches for name in self.trained_models})

    @property
    def training_flows(self) -> list[tuple[str, int]]:
        """Engine and gap of each flow of the training videos."""
        patches = self.config.patches
        flows = {"sosr": (patches.spatial_flow, 1), "tosr": ("tvl1", patches.pair_gap)}
        return sorted({flows[kind] for kind in self.patch_kinds})

    def recognizers_trained(self, dataset: str) -> bool:
        """Whether any recogniser learns from the clips of a data set."""
        return any(self.trained(name, dataset) for name in self.recognizers)

    @property
    def archives(self) -> list[str]:
        """Keys of the data that are given as archives."""
        named = {
            f"{n}/{k}": getattr(d, k) for n, d in self.config.datasets.items() for k in ("root", "splits")
        }
        if self.trained_models:
            named["training_videos"] = self.config.training_videos.root
        return [key for key, path in named.items() if is_archive(path)]

    def reads(self, lengths: Counter[int]) -> tuple[int, int]:
        """Frames and flow fields that are read of test clips, given how many there are of each length."""
        frames = fields = 0
        for length, clips in lengths.items():
            per_frames, per_fields = self.read(length)
            frames += clips * per_frames
            fields += clips * per_fields
        return frames, fields

    def _read(self, length: int) -> tuple[int, int]:
        frames: set[int] = set()
        fields: set[int] = set()
        for spec in self.recognizers.values():
            rgb, flow = read_indices(spec, length)
            frames |= rgb
            fields |= flow
        ends = {end for field in fields for end in (field, field + 1) if end < length}
        return len(frames | ends), len(fields)

    def _model(self, row: str, stream: str) -> str:
        methods = self.config.methods
        return methods[row].model or methods[getattr(methods[row], stream)].model


def views(spec: Recognizer, streams: list[str], size: list[int]) -> dict[str, float]:
    """Views of a test clip that each stream's backbone sees, in units of its square input."""
    if spec.protocol == "tsn":
        return {stream: spec.test_snippets * spec.test_crops for stream in streams}
    # All of the frame and its mirror image; the joint network runs both backbones once more.
    whole = 2 * spec.test_frames * size[0] * size[1] / spec.crop**2
    return {stream: whole * ((stream in streams) + ("joint" in streams)) for stream in STREAMS}
