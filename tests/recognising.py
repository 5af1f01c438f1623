"""Requests for the recognisers' stages, as the rules pass them."""

from __future__ import annotations

from typing import Any

from pipeline.config import Compute, Inference, Protocol
from pipeline.recognition.request import PlanFrames, ScoreClips, TrainRecognizer


def plan(*specs: Protocol) -> PlanFrames:
    """What some recognisers read at test."""
    request = PlanFrames(streams=[spec.planned(stream) for spec in specs for stream in spec.streams])
    return PlanFrames.read(request.text())


def training(
    spec: Protocol, stream: str, size: tuple[int, int], kind: type = TrainRecognizer, **values: Any
) -> TrainRecognizer:
    """Training of a stream on the toy data, whose frames are of ``size``."""
    fields = {"dataset": "toy", "layout": "ucf101", "split": 1, "frame_size": list(size)}
    fields |= {"compute": Compute(), "seed": 0, "trained_on": ["hr", "hr"], "ratio": 0.0}
    request = kind(part=spec.trained(stream, "toy"), **fields | values)
    return kind.read(request.text())


def scoring(spec: Protocol, streams: list[str], size: tuple[int, int], **values: Any) -> ScoreClips:
    """Scores of some streams on the toy data, whose frames are of ``size``."""
    fields = {"dataset": "toy", "recognizer": "r", "method": "hr", "shard": None}
    fields |= {"layout": "ucf101", "split": 1, "frame_size": list(size), "compute": Inference()}
    request = ScoreClips(streams=[spec.scored(stream) for stream in streams], **fields | values)
    return ScoreClips.read(request.text())
