"""The functions of ``from pipeline import ...``: super-resolution, flow and recognition of arrays.

Example, after a run of the demo in this folder::

    from pipeline import load_recognizer, load_sr, optical_flow, recognise, upscale

    sr = upscale(frames, load_sr("tosr"))  # (T, h, w, 3) uint8 -> (T, 4h, 4w, 3) uint8
    flow = optical_flow(sr[0], sr[1])  # (4h, 4w, 2) float32, pixels
    scores = recognise(sr, load_recognizer("tsn", "ucf_demo"))
    print(scores["fusion"].best(5))  # [("GlobeSpin", 0.93), ...]
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from pipeline.config import TVL1
from pipeline.flow.tvl1 import tvl1
from pipeline.one_video.choice import ChoiceError, DeviceName, Run, sr_by_name
from pipeline.one_video.recognition import LoadedRecognizer, load_from_run, score_video, shares
from pipeline.one_video.source import ArrayFrames, Size
from pipeline.one_video.superres import SR, loaded, super_resolved_frames
from pipeline.training.torch_settings import torch_settings


class ClassScores(NamedTuple):
    """Scores of one clip.

    Attributes:
        classes: names of the classes.
        values: (classes,) float, before softmax.
    """

    classes: list[str]
    values: np.ndarray

    def best(self, count: int = 5) -> list[tuple[str, float]]:
        """The best classes with their softmax, which says how far ahead a class is, not how sure it is."""
        share = shares(self.values)
        order = np.argsort(-share, kind="stable")[:count]
        return [(self.classes[label], float(share[label])) for label in order]


def load_sr(
    method: str | None = None,
    configfile: Path | str | None = None,
    *,
    weights: Path | str | None = None,
    network: str | None = None,
    args: dict[str, Any] | None = None,
    scale: int | None = None,
    device: DeviceName | None = None,
    threads: int | None = None,
) -> SR:
    """Load an SR network with its weights.

    Args:
        method: row or model of the configuration, whose run made the weights.
        configfile: the configuration; None: config.yaml in the working folder, or else the demo's.
        weights: instead of a method, a checkpoint of RecoSR, or published weights.
        network: name of the network of published weights, or of one without parameters (docs/networks.md).
        args: its arguments.
        scale: of the network; None: that of RecoSR's checkpoint, or else 4.
        device: "cpu" or "cuda"; None: the GPU if there is one.
        threads: CPU threads; None: all cores.

    Raises:
        ChoiceError: there is no such method or file; the message lists what there is.
        CheckpointError, WeightsError: weights do not fit the network.
    """
    if (method is None) == (weights is None and network is None):
        raise ChoiceError('give either a method, as in load_sr("tosr"), or weights or network')
    if method is not None:
        choice = Run(configfile).sr(method, device, threads)
    else:
        choice = sr_by_name(Path(weights) if weights else None, network, args, device, threads, scale)
    with loaded(choice) as sr:
        return sr


def upscale(frames: np.ndarray, sr: SR) -> np.ndarray:
    """Super-resolve the frames of one clip.

    Args:
        frames: (T, h, w, 3) uint8, RGB, in order of time.
        sr: of ``load_sr``.

    Returns:
        (T, s h, s w, 3) uint8, s the scale (4 by default).

    Raises:
        TypeError, ValueError: other arrays.
    """
    _check(frames, "frames", 4)
    size = Size(*frames.shape[:3])
    with torch_settings(sr.request):
        return np.stack(list(super_resolved_frames(sr, ArrayFrames(frames), size)))


def optical_flow(first: np.ndarray, second: np.ndarray, params: TVL1 | None = None) -> np.ndarray:
    """TV-L1 flow from one frame to the next: second(x + flow(x)) = first(x).

    Args:
        first, second: (h, w, 3) uint8, RGB, of one size.
        params: the schedule; None: the paper's (docs/config.md, `flow.tvl1`).

    Returns:
        (h, w, 2) float32 in pixels, x first.

    Raises:
        TypeError, ValueError: other arrays.
        CompilerError: there is no C++ compiler, which TV-L1 needs.
    """
    for name, frame in (("first", first), ("second", second)):
        _check(frame, name, 3)
    one, other = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (first, second))
    return np.moveaxis(tvl1(one, other, params or TVL1()), 0, -1)


def load_recognizer(
    recognizer: str | None = None,
    dataset: str | None = None,
    configfile: Path | str | None = None,
    *,
    device: DeviceName | None = None,
    threads: int | None = None,
) -> LoadedRecognizer:
    """Load a recogniser of a run, all its streams.

    Args:
        recognizer: its name in the configuration; None: the only one.
        dataset: data set that it was trained on; None: the only one.
        configfile, device, threads: as in ``load_sr``.

    Raises:
        ChoiceError: there is no such name, or there are no weights yet; the message says how to make them.
    """
    return load_from_run(Run(configfile), recognizer, dataset, device, threads)


def recognise(
    frames: np.ndarray, recognizer: LoadedRecognizer, flow_frames: np.ndarray | None = None
) -> dict[str, ClassScores]:
    """Score one clip, as a row of Table 4 is scored.

    Args:
        frames: (T, h, w, 3) uint8, RGB, at the resolution at which the recogniser sees them.
        recognizer: of ``load_recognizer``.
        flow_frames: frames whose flow is seen, as of a pairing; None: the same.

    Returns:
        Scores by column of the tables: "spatial", "temporal", "fusion".

    Raises:
        TypeError, ValueError: other arrays, or two of different lengths.
    """
    given = [frames] if flow_frames is None else [frames, flow_frames]
    for array in given:
        _check(array, "frames", 4)
    if len({len(array) for array in given}) > 1:
        raise ValueError(f"frames are {len(frames)}, but flow_frames {len(given[1])}; give as many of both")
    spatial, *temporal = [lambda numbers, of=array: iter(of[numbers]) for array in given]
    found = score_video(recognizer, len(frames), spatial, *temporal)
    return {column: ClassScores(recognizer.classes, values) for column, values in found.items()}


def _check(array: np.ndarray, name: str, dimensions: int) -> None:
    expected = "(T, h, w, 3)" if dimensions == 4 else "(h, w, 3)"
    if not isinstance(array, np.ndarray) or array.dtype != np.uint8:
        found = getattr(array, "dtype", type(array).__name__)
        raise TypeError(f"{name} must be a uint8 array {expected}, RGB from 0 to 255, but is {found}")
    if array.ndim != dimensions or array.shape[-1] != 3 or 0 in array.shape:
        raise ValueError(f"{name} must be {expected}, but has shape {array.shape}")
