"""The stage that scores test clips with trained or published recognisers."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from pipeline.config.compute import Inference
from pipeline.data.entries import class_finder
from pipeline.data.manifest import Clip, count_classes, read_manifest, select
from pipeline.errors import PipelineError
from pipeline.files import write_whole
from pipeline.recognition import inputs
from pipeline.recognition.models import backbones_of, load_model, memory_format
from pipeline.recognition.reading import ClipReader, SizedReader
from pipeline.recognition.request import ScoreClips
from pipeline.recognition.streams import ScoredStream
from pipeline.training.torch_settings import autocast, torch_settings
from pipeline.weights.provenance import check_split

T = TypeVar("T")
View = tuple[int, float, list[np.ndarray]]

BATCH_VALUES = 4_000_000
"""Input values scored at once, which bounds memory (26 crops of 224x224 RGB, 325 of 64x64)."""


class ScoringError(PipelineError):
    """Weights of streams are missing; the message says which."""


def score_clips(
    request: ScoreClips,
    weights: list[Path],
    manifest: Path,
    frames: list[Path],
    flow: list[Path],
    out: Path,
    classes: Path | None = None,
) -> None:
    """Score the test clips of a shard, or all of them, with each of the streams; write to ``out`` (.npz).

    The file contains ``dataset``, ``recognizer``, ``method``, ``clips`` (N,), ``labels`` (N,), and under each
    stream's name (N, classes) float32 scores before softmax.

    Args:
        request: the streams, the shard, and names recorded in the scores.
        weights: a checkpoint for each stream, of train_recognizer or published.
        manifest: the data set's clips.
        frames, flow: the row's stores of these clips; empty if no stream reads them.
        out: the file.
        classes: manifest of another data set, on which the streams were trained; scores are restricted to the
            classes of this one, which that one has by name. None: they were trained on this data set.

    Raises:
        ScoringError: the numbers of weights and streams differ, or a class is not among the recogniser's.
        WeightsError: weights were trained on test clips.
    """
    streams = [stream.stream for stream in request.streams]
    if len(weights) != len(streams):
        raise ScoringError(
            f"{request.recognizer}: {len(streams)} streams ({streams}), but {len(weights)} weights"
        )
    for path in weights:
        check_split(path, request.layout, request.split)
    everything = read_manifest(manifest)
    clips = select(everything, "test", request.shard)
    trained, columns = _classes(request, everything, read_manifest(classes) if classes else everything)
    content = {}
    compute = request.compute
    with torch_settings(compute) as device, ClipReader(clips, frames, flow, request.frame_size) as reader:
        for stream, path in zip(request.streams, weights, strict=True):
            network = load_model(path, stream, trained).eval()
            # torch's stubs leave the argument out.
            network = network.to(device, memory_format=memory_format(network))  # type: ignore[call-overload]
            score = _score_together if stream.together else _score_apart
            with torch.inference_mode(), autocast(compute):
                scores = score(stream, network, clips, trained, reader, device)
                content[stream.stream] = np.ascontiguousarray(scores[:, columns])
    labels = np.array([clip.label for clip in clips], np.int64)
    ids = np.array([clip.id for clip in clips], np.str_)
    names = {"dataset": request.dataset, "recognizer": request.recognizer, "method": request.method}
    arrays: dict[str, Any] = {"clips": ids, "labels": labels, **names, **content}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_whole(out, buffer.getbuffer())


def _classes(request: ScoreClips, clips: list[Clip], trained: list[Clip]) -> tuple[int, list[int]]:
    """Number of the recogniser's classes, and for each label of the clips the number of its class there."""
    numbers = {clip.class_name: clip.label for clip in trained}
    find_class = class_finder(numbers)
    names = {clip.label: clip.class_name for clip in clips}
    found = {label: find_class(name) for label, name in names.items()}
    if lacking := [names[label] for label, name in found.items() if name is None]:
        raise ScoringError(
            f"{request.dataset}: the recogniser lacks the classes {', '.join(lacking)}, it has "
            f"{', '.join(numbers)}; "
            "name the classes that both have in the data set's `classes`"
        )
    columns = [numbers[name] for _, name in sorted(found.items()) if name is not None]
    return count_classes(trained), columns


def score_clip(
    stream: ScoredStream,
    network: nn.Module,
    clip: Clip,
    classes: int,
    reader: SizedReader,
    compute: Inference,
) -> np.ndarray:
    """Scores (classes,) float32 of one clip before softmax; ``network`` is on the device of ``compute``."""
    score = _score_together if stream.together else _score_apart
    with torch.inference_mode(), autocast(compute):
        return score(stream, network, [clip], classes, reader, torch.device(compute.device))[0]


def _read(stream: ScoredStream, places: list[int], clip: Clip, reader: SizedReader) -> list[np.ndarray]:
    """Raw input (n, h, w, c) of each backbone at ``n`` places of a clip."""
    indices = stream.indices(places, clip.frames)
    raw = [reader.frames(clip, indices.frames)] if stream.reads_frames else []
    if stream.reads_flow:
        raw.append(inputs.stack_fields(reader.fields(clip, indices.fields), stream.stack))
    return raw


def _normalised(stream: ScoredStream, network: nn.Module, raw: list[Tensor]) -> list[Tensor]:
    backbones = backbones_of(network)
    return [
        inputs.normalise(part, backbone.normalisation, flow)
        for part, backbone, flow in zip(raw, backbones, stream.flows, strict=True)
    ]


def _views(stream: ScoredStream, clips: list[Clip], reader: SizedReader) -> Iterator[View]:
    """Clip number, share of the clip's average and raw inputs (h, w, c) of every view of every clip.

    Short clips repeat places; each is scored once, with its number of occurrences as the weight.
    """
    flows = stream.flows
    for number, clip in enumerate(tqdm(clips, desc=stream.stream, mininterval=2.0, disable=len(clips) == 1)):
        places = stream.places(clip.frames)
        counts = Counter(places)
        shares = np.array(list(counts.values()), np.float64) / len(places)
        raw = _read(stream, list(counts), clip, reader)
        boxes = stream.boxes(*raw[0].shape[1:3])
        for box in boxes:
            cut = [stream.cut(part, box, flow) for part, flow in zip(raw, flows, strict=True)]
            for share, *view in zip(shares, *cut, strict=True):
                yield number, share / len(boxes), view


def _score_apart(
    stream: ScoredStream,
    network: nn.Module,
    clips: list[Clip],
    classes: int,
    reader: SizedReader,
    device: torch.device,
) -> np.ndarray:
    """(N, classes): scores averaged over views and places, before softmax."""
    scores = np.zeros((len(clips), classes))
    for batch in _batches(_views(stream, clips, reader)):
        numbers, shares, views = zip(*batch, strict=True)
        raw = [torch.from_numpy(np.stack(part)).to(device) for part in zip(*views, strict=True)]
        out = stream.scores(network, _normalised(stream, network, raw))
        values = out.float().cpu().numpy()
        np.add.at(scores, list(numbers), np.array(shares)[:, None] * values)
    return scores.astype(np.float32)


def _batches(views: Iterator[View]) -> Iterator[list[View]]:
    """Views in groups of at most BATCH_VALUES input values; all views of a stream have the same size."""
    first = next(views, None)
    if first is None:
        return
    size = max(1, BATCH_VALUES // sum(part.size for part in first[2]))
    yield from _grouped(chain([first], views), size)


def _grouped(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of ``size`` items; the last may be shorter."""
    iterator = iter(items)
    while group := list(islice(iterator, size)):
        yield group


def _score_together(
    stream: ScoredStream,
    network: nn.Module,
    clips: list[Clip],
    classes: int,
    reader: SizedReader,
    device: torch.device,
) -> np.ndarray:
    """(N, classes): all places of a clip in one pass; scores averaged over views, before softmax."""
    scores = np.zeros((len(clips), classes))
    width, height = reader.size
    boxes = stream.boxes(height, width)
    shown = tqdm(clips, desc=stream.stream, mininterval=2.0, disable=len(clips) == 1)
    numbered = enumerate(shown)
    places = len(stream.places(1))
    size = max(1, BATCH_VALUES // (places * height * width * sum(stream.channels)))
    for group in _grouped(numbered, size):
        numbers = [number for number, _ in group]
        clips_raw = [_read(stream, stream.places(clip.frames), clip, reader) for _, clip in group]
        for box in boxes:
            raw = [
                torch.from_numpy(np.stack([stream.cut(part, box, flow) for part in parts])).to(device)
                for flow, parts in zip(stream.flows, zip(*clips_raw, strict=True), strict=True)
            ]  # of each backbone (B, T, h, w, c)
            out = stream.scores(network, _normalised(stream, network, raw))
            scores[numbers] += out.float().cpu().numpy() / len(boxes)
    return scores.astype(np.float32)
