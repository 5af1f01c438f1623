"""Scores one clip with a trained recogniser."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from pipeline.config.compute import Inference
from pipeline.config.report import Column
from pipeline.data.manifest import Clip, count_classes, read_manifest
from pipeline.data.plan import ClipPlan
from pipeline.flow.extract import clip_fields
from pipeline.flow.request import ExtractFlow
from pipeline.one_video.choice import ChoiceError, DeviceName, Run
from pipeline.one_video.source import as_clip
from pipeline.recognition.models import load_model
from pipeline.recognition.plan import read_indices
from pipeline.recognition.scoring import score_clip
from pipeline.recognition.streams import PlannedStream, ScoredStream
from pipeline.training.torch_settings import torch_settings
from pipeline.video.resize import resize_frames

MakeFrames = Callable[[list[int]], Iterator[np.ndarray]]
"""Makes frames (h, w, 3) uint8 by their numbers, ascending, one by one."""


class LoadedStream(NamedTuple):
    """A stream: what it reads at test, how it is scored, and its network."""

    planned: PlannedStream
    scored: ScoredStream
    network: nn.Module


class LoadedRecognizer(NamedTuple):
    """A recogniser with its weights; ``pipeline.load_recognizer`` makes one.

    Attributes:
        label: its name in tables.
        classes: names of the classes.
        streams: its streams by name.
        columns: what the tables show: single streams, and their fusion.
        flow: settings of the flow.
        compute: device, threads and precision.
    """

    label: str
    classes: list[str]
    streams: dict[str, LoadedStream]
    columns: list[Column]
    flow: ExtractFlow
    compute: Inference


def load_from_run(
    run: Run,
    recognizer: str | None = None,
    dataset: str | None = None,
    device: DeviceName | None = None,
    threads: int | None = None,
) -> LoadedRecognizer:
    """A recogniser of a run, with the weights that it has for a data set; the only ones by default.

    Raises:
        ChoiceError: there is no such recogniser or data set, or it has no weights yet.
        ModelError, WeightsError: weights of another network, stream or set of classes.
    """
    config, experiment = run.config, run.experiment
    recognizer = _named("recognizer", recognizer, config.recognition.recognizers, run)
    dataset = _named("dataset", dataset, config.datasets, run)
    spec, compute = config.recognition.recognizers[recognizer], run.compute(device, threads)
    weights = run.recognizer_weights(dataset, recognizer, spec.streams)
    clips = read_manifest(run.manifest(dataset))
    names = {clip.label: clip.class_name for clip in clips}
    streams = {}
    with torch_settings(compute) as where:
        for stream, path in zip(spec.streams, weights, strict=True):
            part = spec.scored(stream)
            network = load_model(path, part, count_classes(clips)).eval().requires_grad_(False).to(where)
            streams[stream] = LoadedStream(spec.planned(stream), part, network)
    return LoadedRecognizer(
        label=spec.label or recognizer,
        classes=[names[label] for label in range(count_classes(clips))],
        streams=streams,
        columns=spec.columns(),
        flow=experiment.requests.extract_flow(dataset, "hr", "test", "0"),
        compute=compute,
    )


def _named(kind: str, name: str | None, known: Mapping[str, object], run: Run) -> str:
    if name is None and len(known) == 1:
        return next(iter(known))
    if name is None or name not in known:
        problem = f"which {kind}?" if name is None else f"no {kind} {name!r} in {run.path};"
        raise ChoiceError(f"{problem} known: {', '.join(known)}")
    return name


def score_video(
    recognizer: LoadedRecognizer, length: int, spatial: MakeFrames, temporal: MakeFrames | None = None
) -> dict[str, np.ndarray]:
    """Scores (classes,) of each column of the tables, before softmax.

    Only the frames that the recogniser reads are made; they are kept at its own size.

    Args:
        recognizer: the recogniser.
        length: frames of the clip.
        spatial: makes the frames that are seen as pictures.
        temporal: makes the frames whose flow is seen; None: the same.
    """
    frames, fields = read_indices([stream.planned for stream in recognizer.streams.values()], length)
    clip = as_clip("clip", length, 0, 0)
    flow_plan = ClipPlan(frames=[], fields=sorted(fields))
    if temporal is None:
        together = ClipPlan(frames=sorted(frames), fields=sorted(fields))
        seen = moving = _Kept(spatial, together, clip, recognizer.flow)
    else:
        seen = _Kept(spatial, ClipPlan(frames=sorted(frames), fields=[]), clip, recognizer.flow)
        moving = _Kept(temporal, flow_plan, clip, recognizer.flow)
    reader = _Reader(seen, moving, recognizer.flow)
    scores = {}
    with torch_settings(recognizer.compute):
        for name, (_, part, network) in recognizer.streams.items():
            scores[name] = score_clip(
                part, network, clip, len(recognizer.classes), reader, recognizer.compute
            )
    return {
        column.name: sum(
            (part.weight * scores[part.stream] for part in column.parts), np.zeros(len(recognizer.classes))
        )
        for column in recognizer.columns
    }


class _Kept:
    """Frames of a plan at the recogniser's size, and the quantised flow between them."""

    def __init__(self, make: MakeFrames, plan: ClipPlan, clip: Clip, flow: ExtractFlow) -> None:
        width, height = flow.frame_size
        numbers = [number for number in plan.all_frames if number < clip.frames]
        made = (resize_frames(frame[None], width, height)[0] for frame in make(numbers)) if numbers else ()
        self._frames = dict(zip(numbers, made, strict=True))
        found = clip_fields(self, clip, plan.fields, flow) if plan.fields else ()
        self.fields = dict(zip(plan.fields, found, strict=True))

    def read(self, clip: str, numbers: Sequence[int]) -> np.ndarray:
        """Frames by their numbers."""
        return np.stack([self._frames[number] for number in numbers])


class _Reader:
    """What a scoring reads of one clip: frames of one source, flow of another."""

    def __init__(self, seen: _Kept, moving: _Kept, flow: ExtractFlow) -> None:
        self._seen, self._moving = seen, moving
        self.size = (flow.frame_size[0], flow.frame_size[1])

    def frames(self, clip: Clip, numbers: Sequence[int]) -> np.ndarray:
        return self._seen.read(clip.id, numbers)

    def fields(self, clip: Clip, numbers: Sequence[int]) -> np.ndarray:
        return np.stack([self._moving.fields[number] for number in numbers])


def shares(scores: np.ndarray) -> np.ndarray:
    """Softmax of scores (classes,), in [0, 1]; a share says how far ahead a class is, not how sure it is."""
    return torch.from_numpy(scores).softmax(0).numpy()
