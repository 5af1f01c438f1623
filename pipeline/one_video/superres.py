"""Super-resolves frames in memory, or streams those of a video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from pipeline.one_video.choice import SRChoice
from pipeline.one_video.source import Size, as_clip
from pipeline.superres.inference import LRFrames, sr_frames
from pipeline.superres.memory_format import image_layout
from pipeline.superres.models import load_model
from pipeline.superres.network import SRNetwork
from pipeline.superres.request import SuperResolve
from pipeline.training.torch_settings import torch_settings
from pipeline.video.resize import imresize


class SR(NamedTuple):
    """An SR network with its weights; ``pipeline.load_sr`` makes one.

    Attributes:
        network: the network, on its device.
        request: its name and arguments, device, precision and bound on memory.
        label: the method's name.
    """

    network: SRNetwork
    request: SuperResolve
    label: str


@contextmanager
def loaded(choice: SRChoice) -> Iterator[SR]:
    """The network; torch is set up for it inside the block. Raises CheckpointError, WeightsError."""
    with torch_settings(choice.request) as device:
        network = image_layout(load_model(choice.request, choice.weights, device, choice.request.scale))
        yield SR(network, choice.request, choice.label)


def super_resolved_frames(
    sr: SR, frames: LRFrames, size: Size, numbers: Iterable[int] | None = None, name: str = "frames"
) -> Iterator[np.ndarray]:
    """Super-resolve some frames of a clip, all by default; no more is in memory than the network sees.

    Args:
        sr: the network.
        frames: the clip's LR frames.
        size: number, height and width of the LR frames.
        numbers: ascending; None: all.
        name: of the clip, for messages.

    Yields:
        Frames (s h, s w, 3), uint8, s the scale.
    """
    scale = sr.request.scale
    clip = as_clip(name, size.frames, size.height * scale, size.width * scale)
    wanted = list(range(size.frames) if numbers is None else numbers)
    return sr_frames(sr.network, clip, frames, wanted, sr.request)


def enlarged(frame: np.ndarray, scale: int) -> np.ndarray:
    """A frame enlarged by bicubic interpolation, as the network `bicubic` does it: rounded once."""
    large = imresize(frame.astype(np.float64), frame.shape[0] * scale, frame.shape[1] * scale)
    return large.clip(0, 255).round().astype(np.uint8)
