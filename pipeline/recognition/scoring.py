"""The stage that scores test clips with trained or published recognisers."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from pipeline import config
from pipeline.data.manifest import Clip, count_classes, read_manifest, select
from pipeline.errors import PipelineError
from pipeline.files import write_whole
from pipeline.recognition import inputs, sampling
from pipeline.recognition.models import load_model
from pipeline.recognition.reading import ClipReader
from pipeline.torch_settings import autocast, torch_settings
from pipeline.weights.provenance import check_split

BATCH_VALUES = 4_000_000
"""Input values scored at once: bounds memory (26 crops of 224x224 RGB, 325 of 64x64)."""

Spec = config.TSN | config.STResNet


class ScoringError(PipelineError):
    """Streams without weights; the message says which."""


def score_clips(
    spec: Spec,
    streams: list[str],
    weights: list[Path],
    manifest: Path,
    frames: list[Path],
    flow: list[Path],
    frame_size: list[int],
    compute: config.Compute,
    dataset: str,
    recognizer: str,
    method: str,
    out: Path,
    shard: int | None = None,
    layout: str | None = None,
    split: int | None = None,
) -> None:
    """Score the test clips of a shard, or all of them, with each of ``streams``; write to ``out`` (.npz).

    ``weights``: a checkpoint for each of ``streams``, of train_recognizer or published. ``frames`` and
    ``flow``: the method's stores of these clips, none where no stream reads them. ``layout`` and ``split``:
    the data set's, which weights must not have been trained on another split of. The file holds ``dataset``,
    ``recognizer``, ``method``, ``clips`` (N,), ``labels`` (N,), and (N, classes) float32 scores before
    softmax under each stream's name.

    Raises ScoringError unless there are as many weights as streams, and WeightsError for weights that saw
    test clips in their training.
    """
    if len(weights) != len(streams):
        raise ScoringError(f"{recognizer}: {len(streams)} streams ({streams}), but {len(weights)} weights")
    for path in weights:
        if layout is not None and split is not None:
            check_split(path, layout, split)
    everything = read_manifest(manifest)
    clips, classes = select(everything, "test", shard), count_classes(everything)
    content = {}
    with torch_settings(compute) as device, ClipReader(clips, frames, flow, frame_size) as reader:
        for stream, path in zip(streams, weights, strict=True):
            network = load_model(path, spec, stream, classes).eval()
            network = network.to(device, memory_format=torch.channels_last)
            score = _score_joint if stream == "joint" else _score_stream
            with torch.inference_mode(), autocast(compute):
                content[stream] = score(spec, stream, network, clips, classes, reader, device)
    labels = np.array([clip.label for clip in clips], np.int64)
    ids = np.array([clip.id for clip in clips], np.str_)
    names = {"dataset": dataset, "recognizer": recognizer, "method": method}
    buffer = io.BytesIO()
    np.savez(buffer, clips=ids, labels=labels, **names, **content)
    write_whole(out, buffer.getbuffer())


def snippets(spec: Spec, stream: str, clip: Clip, reader: ClipReader) -> tuple[np.ndarray, np.ndarray]:
    """A clip's different test snippets, raw (n, h, w, c), and the share (n,) of each in the average.

    Short clips repeat snippets; each is scored once and weighs as often as it occurs.
    """
    stack, fields = spec.flow_stack, sampling.count_fields(clip.frames)
    if spec.protocol == "tsn" and stream == "spatial":
        starts = sampling.tsn_test_frames(clip.frames, spec.first_frame, spec.test_snippets)
    elif spec.protocol == "tsn":
        starts = sampling.tsn_test_starts(fields, stack, spec.test_snippets)
    else:
        starts = sampling.st_test_frames(clip.frames, stack, spec.test_frames)
    counts = Counter(starts)
    shares = np.array(list(counts.values()), np.float64) / len(starts)
    if stream == "spatial":
        return reader.frames(clip, list(counts)), shares
    around = sampling.tsn_stack if spec.protocol == "tsn" else sampling.st_fields
    numbers = [field for start in counts for field in around(start, fields, stack)]
    return inputs.stack_fields(reader.fields(clip, numbers), stack), shares


def _boxes(spec: Spec, height: int, width: int) -> list[inputs.Box]:
    if spec.protocol == "tsn":
        return inputs.scoring_boxes(height, width, spec.crop, spec.test_crops)
    return inputs.full_boxes(height, width)


def _views(
    spec: Spec, stream: str, clips: list[Clip], reader: ClipReader
) -> Iterator[tuple[int, float, np.ndarray]]:
    """Clip number, share of the clip's average and raw input (h, w, c) of every view of every clip."""
    for number, clip in enumerate(tqdm(clips, desc=stream, mininterval=2.0)):
        raw, shares = snippets(spec, stream, clip, reader)
        boxes = _boxes(spec, *raw.shape[1:3])
        for box in boxes:
            for share, view in zip(shares, inputs.cut(raw, box, stream == "temporal"), strict=True):
                yield number, share / len(boxes), view


def _score_stream(
    spec: Spec,
    stream: str,
    network: nn.Module,
    clips: list[Clip],
    classes: int,
    reader: ClipReader,
    device: torch.device,
) -> np.ndarray:
    """(N, classes): scores averaged over views and snippets, before softmax."""
    scores = np.zeros((len(clips), classes))
    for batch in _batches(_views(spec, stream, clips, reader)):
        numbers, shares, views = zip(*batch, strict=True)
        raw = torch.from_numpy(np.stack(views)).to(device)
        out = network(inputs.normalise(raw, network.normalisation, stream == "temporal"))
        out = out.float().cpu().numpy()
        np.add.at(scores, list(numbers), np.array(shares)[:, None] * out)
    return scores.astype(np.float32)


def _batches(views: Iterator[tuple[int, float, np.ndarray]]) -> Iterator[tuple]:
    """Views in groups of at most BATCH_VALUES input values; all views of a stream have one size."""
    first = next(views, None)
    if first is None:
        return
    size = max(1, BATCH_VALUES // first[2].size)
    yield from _grouped(chain([first], views), size)


def _grouped(items: Iterable, size: int) -> Iterator[list]:
    """Lists of ``size`` items, the last perhaps shorter."""
    iterator = iter(items)
    while group := list(islice(iterator, size)):
        yield group


def _score_joint(
    spec: config.STResNet,
    stream: str,
    network: nn.Module,
    clips: list[Clip],
    classes: int,
    reader: ClipReader,
    device: torch.device,
) -> np.ndarray:
    """(N, classes): all test frames in one pass; mean over time, both classifiers, frame and mirror."""
    scores = np.zeros((len(clips), classes))
    width, height = reader.size
    values = spec.test_frames * height * width * (3 + 2 * spec.flow_stack)
    size = max(1, BATCH_VALUES // values)
    for group in _grouped(tqdm(enumerate(clips), desc=stream, total=len(clips), mininterval=2.0), size):
        numbers = [number for number, _ in group]
        raw = [_joint_raw(spec, clip, reader) for _, clip in group]
        for box in inputs.full_boxes(height, width):
            pair = []
            for flow in (False, True):
                backbone = network.motion if flow else network.appearance
                cut = np.stack([inputs.cut(item[flow], box, flow) for item in raw])
                seen = torch.from_numpy(cut).to(device)
                pair.append(inputs.normalise(seen, backbone.normalisation, flow))  # (B, T, C, H, W)
            appearance, motion = network(*pair)
            scores[numbers] += (appearance + motion).float().cpu().numpy() / 4
    return scores.astype(np.float32)


def _joint_raw(spec: config.STResNet, clip: Clip, reader: ClipReader) -> tuple[np.ndarray, np.ndarray]:
    """Raw frames (T, h, w, 3) and the flow around each (T, h, w, 2 x stack)."""
    frames = sampling.st_test_frames(clip.frames, spec.flow_stack, spec.test_frames)
    count = sampling.count_fields(clip.frames)
    fields = [f for frame in frames for f in sampling.st_fields(frame, count, spec.flow_stack)]
    flow = inputs.stack_fields(reader.fields(clip, fields), spec.flow_stack)
    return reader.frames(clip, frames), flow
