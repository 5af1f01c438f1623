"""Reads the score files of all rows and shards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.errors import DamagedError, PipelineError

ABOUT = {"dataset", "recognizer", "method", "clips", "labels"}
"""Fields of a score file in addition to the streams' scores."""


class ScoresError(PipelineError, ValueError):
    """Scores are missing or do not belong together."""


@dataclass(frozen=True)
class StreamScores:
    """Scores of one stream: clip ids (N,), labels (N,) and values (N, classes), sorted by clip."""

    clips: np.ndarray
    labels: np.ndarray
    values: np.ndarray

    @property
    def correct(self) -> np.ndarray:
        """Whether each clip is recognised (N,): its class has the highest score."""
        return self.values.argmax(axis=1) == self.labels


@dataclass(frozen=True)
class Scores:
    """All streams of one row on one data set with one recogniser."""

    name: str
    streams: dict[str, StreamScores]

    def of(self, stream: str) -> StreamScores:
        """Scores of one stream."""
        if stream not in self.streams:
            found = ", ".join(self.streams) or "none"
            raise ScoresError(f"{self.name} has no scores of the {stream} stream, only of {found}")
        return self.streams[stream]


def read_scores(files: list[Path]) -> dict[tuple[str, str, str], Scores]:
    """Scores by (data set, recogniser, method), with all shards joined. Raises DamagedError."""
    parts: dict[tuple[str, str, str], list[dict[str, np.ndarray]]] = defaultdict(list)
    for path in files:
        part = _read(path)
        parts[str(part["dataset"]), str(part["recognizer"]), str(part["method"])].append(part)
    return {key: Scores(" ".join(key), _joined(shards)) for key, shards in parts.items()}


def pool(
    scores: Mapping[tuple[str, str, str], Scores], name: str, splits: list[str]
) -> dict[tuple[str, str, str], Scores]:
    """Scores of the clips of several splits together, as of a data set ``name``.

    A clip that several splits test counts once, with its scores in the first of them: outcomes of one clip
    are not independent, so intervals and tests may not count it twice.

    Raises:
        ScoresError: the splits have different classes.
    """
    others = [(recognizer, method) for dataset, recognizer, method in scores if dataset == splits[0]]
    whole = [key for key in others if all((split, *key) in scores for split in splits)]
    return {
        (name, *key): Scores(
            " ".join((name, *key)),
            {
                stream: _pooled(name, [scores[split, *key].of(stream) for split in splits])
                for stream in scores[splits[0], *key].streams
            },
        )
        for key in whole
    }


def _pooled(name: str, parts: list[StreamScores]) -> StreamScores:
    classes = [dict(zip((c.split("/")[0] for c in p.clips), p.labels, strict=True)) for p in parts]
    if any(other != classes[0] for other in classes) or len({p.values.shape[1] for p in parts}) > 1:
        raise ScoresError(f"{name}: its splits have different classes; score them on the same ones")
    clips, first = np.unique(np.concatenate([part.clips for part in parts]), return_index=True)
    labels = np.concatenate([part.labels for part in parts])[first]
    return StreamScores(clips, labels, np.concatenate([part.values for part in parts])[first])


def _read(path: Path) -> dict[str, np.ndarray]:
    """One score file; NumPy verifies its checksums, and its exceptions have no common base class."""
    try:
        with np.load(path) as content:
            part = dict(content)
        lacking = ABOUT - part.keys()
    except (FileNotFoundError, PermissionError, MemoryError):
        raise
    except Exception as error:
        raise DamagedError(path, error) from error
    if lacking:
        raise DamagedError(path, f"it lacks {', '.join(sorted(lacking))}")
    return part


def _joined(shards: list[dict[str, np.ndarray]]) -> dict[str, StreamScores]:
    clips = np.concatenate([s["clips"] for s in shards])
    labels = np.concatenate([s["labels"] for s in shards])
    order = np.argsort(clips)
    streams = [name for name in shards[0] if name not in ABOUT]
    values = {s: np.concatenate([part[s] for part in shards]) for s in streams}
    return {s: StreamScores(clips[order], labels[order], values[s][order]) for s in streams}
