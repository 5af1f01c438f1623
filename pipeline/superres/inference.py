"""The stage ``super_resolve``: the frames that the recognisers read, of every clip of a shard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from pipeline.data.manifest import Clip, read_manifest, select
from pipeline.data.plan import read_plan
from pipeline.errors import PipelineError
from pipeline.superres.memory_format import image_layout
from pipeline.superres.models import load_model
from pipeline.superres.network import ClipNetwork, SRNetwork
from pipeline.superres.request import SuperResolve
from pipeline.superres.segments import segments
from pipeline.training.torch_settings import autocast, torch_settings
from pipeline.video.store import ShardReader, ShardWriter


class SuperResolutionError(PipelineError, ValueError):
    """A clip cannot be super-resolved; the message names it."""


class LRFrames(Protocol):
    """What frames are read from: a shard store, or the frames of one video."""

    def read(self, clip: str, numbers: Sequence[int]) -> np.ndarray:
        """LR frames (n, h, w, 3) uint8 of a clip; the first number never decreases from call to call."""
        ...


def super_resolve(
    request: SuperResolve,
    weights: Path | None,
    manifest: Path,
    lr: Path,
    plan: Path | None,
    out: Path,
) -> None:
    """Write the SR store of one shard: RGB uint8 at the HR size.

    At most ``batch_pixels`` HR pixels (but at least one frame) are in the network at once, and no clip is
    ever held whole: memory does not grow with its length. The frames do not depend on the batch, up to the
    rounding of floats. A network that sees whole clips is given segments of them (``ClipNetwork``).

    Args:
        request: the network, the shard, device and precision.
        weights: from ``train_sr``, or published ones; none for a network without parameters.
        manifest: the data set's clips.
        lr: the shard's LR store.
        plan: frames to make; without it all frames (of training clips, which are read at random).
        out: SR store.

    Raises:
        SuperResolutionError: the plan lacks a clip, or its LR frames do not fit the manifest.
        CheckpointError: weights are missing or belong to another network.
    """
    clips = select(read_manifest(manifest), request.split, request.shard)
    read = read_plan(plan) if plan else None
    with torch_settings(request) as device, ShardReader(lr) as low, ShardWriter(out) as writer:
        network = image_layout(load_model(request, weights, device, request.scale))
        for clip in tqdm(clips, desc=f"super_resolve {request.network}", unit="clip", mininterval=10):
            if read is not None and clip.id not in read:
                raise SuperResolutionError(f"{clip.id} is not in {plan}; make the plan again")
            planned = read[clip.id].all_frames if read is not None else range(clip.frames)
            # A one-frame clip is planned with a field whose second frame does not exist.
            numbers = [number for number in planned if number < clip.frames]
            frames = sr_frames(network, clip, low, numbers, request)
            writer.add(clip.id, frames, index=numbers)


def sr_frames(
    network: SRNetwork, clip: Clip, low: LRFrames, numbers: list[int], request: SuperResolve
) -> Iterator[np.ndarray]:
    """Super-resolve the frames ``numbers`` (sorted) of a clip; yields (h, w, 3) uint8, one by one.

    Each LR frame is read once, even if it is part of several neighbourhoods; frames are kept only as long as
    later neighbourhoods need them.
    """
    if isinstance(network, ClipNetwork):
        yield from _clip_frames(network, clip, low, numbers, request)
        return
    radius = network.frames // 2
    batch = max(1, request.batch_pixels // (clip.height * clip.width))
    window: dict[int, np.ndarray] = {}
    for start in range(0, len(numbers), batch):
        chosen = numbers[start : start + batch]
        wanted = {n for t in chosen for n in range(t - radius, t + radius + 1) if 0 <= n < clip.frames}
        missing = sorted(wanted - window.keys())
        window = {n: frame for n, frame in window.items() if n in wanted}
        if missing:
            window.update(zip(missing, low.read(clip.id, missing), strict=True))
        _check_size(clip, window[chosen[0]], request.scale)
        stacks = np.stack([_neighbourhood(window, t, radius, network, clip.frames) for t in chosen])
        # Not inference_mode: a later training could not use the tensors that networks cache.
        with torch.no_grad(), autocast(request):
            sr = network(_planes(stacks, request))  # (B, 3, 4h, 4w)
        yield from _pixels(sr, clip)


def _clip_frames(
    network: ClipNetwork, clip: Clip, low: LRFrames, numbers: list[int], request: SuperResolve
) -> Iterator[np.ndarray]:
    """``sr_frames`` of a network that sees whole clips: segment by segment."""
    for wanted, seen in segments(numbers, clip.frames, network.segment, network.overlap):
        frames = low.read(clip.id, list(seen))
        _check_size(clip, frames[0], request.scale)
        with torch.no_grad(), autocast(request):
            sequence = network.sequence(_planes(frames[None], request), [n - seen.start for n in wanted])
            made = [_pixels(sr, clip)[0] for sr in sequence]
        yield from made


def _check_size(clip: Clip, frame: np.ndarray, scale: int) -> None:
    height, width = clip.height // scale, clip.width // scale
    if frame.shape != (height, width, 3):
        raise SuperResolutionError(
            f"{clip.id}: LR frames are {frame.shape[1]}x{frame.shape[0]}, but the manifest's "
            f"{clip.width}x{clip.height} at scale {scale} requires {width}x{height}; prepare them again"
        )


def _planes(frames: np.ndarray, request: SuperResolve) -> Tensor:
    """A network's input (B, T, 3, h, w) from pixels (B, T, h, w, 3) uint8."""
    pixels = torch.from_numpy(frames).to(torch.device(request.device))
    return pixels.permute(0, 1, 4, 2, 3).float().div(255)


def _pixels(sr: Tensor, clip: Clip) -> np.ndarray:
    """Pixels (B, 4h, 4w, 3) uint8 of a network's output (B, 3, 4h, 4w)."""
    if not torch.isfinite(sr).all():
        raise SuperResolutionError(f"{clip.id}: the network's output is not finite; check its weights")
    return sr.float().clamp(0, 1).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def _neighbourhood(
    window: dict[int, np.ndarray], centre: int, radius: int, network: SRNetwork, length: int
) -> np.ndarray:
    """The frames (2 radius + 1, h, w, 3) around ``centre``, padded as the network requires."""
    if radius and network.temporal_padding == "zero":
        zeros = np.zeros_like(window[centre])
        return np.stack([window.get(n, zeros)
                         for n in range(centre - radius, centre + radius + 1)])  # fmt: skip
    numbers = np.arange(centre - radius, centre + radius + 1).clip(0, length - 1)
    return np.stack([window[n] for n in numbers.tolist()])
