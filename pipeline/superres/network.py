"""Base classes of SR networks: the contract for those in ``networks/`` and for your own."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator
from typing import Any, ClassVar, Literal, TypeVar

import torch
from torch import Tensor, nn

from pipeline.errors import PipelineError
from pipeline.plugins import KindBase, find

T = TypeVar("T", bound=KindBase)


class NetworkError(PipelineError, ValueError):
    """A network cannot be built or does not suit a loss; the message says what to change."""


class ArgumentsError(NetworkError):
    """A network's constructor does not accept the given arguments."""


class SRNetwork(nn.Module):
    """Base of all SR networks. Each file of ``networks/`` has one class that extends one of the bases below.

    A constructor takes plain arguments, the ``args`` of the configuration, and draws the weights. One that
    can be built for several ``scales`` also takes ``scale``.

    Attributes:
        scales: super-resolution factors for which it can be built; by default the paper's alone.
        frames: number of LR input frames, odd; the middle one is super-resolved.
        temporal_padding: frames beyond a clip's ends: "zero", or "replicate" for the end frame.
        start_args: names of arguments that add parameters, which the constructor initialises; a training with
            them may start from a model without them (``init``).
        estimates_motion: whether it has ``flows``, for the loss ``motion``.
        from_file: whether it has layers only after ``adopt``, which takes a published file
            (``weights.formats.Source``) and returns what the file holds.
    """

    HOME: ClassVar[str] = "pipeline.superres.networks"

    scales: ClassVar[tuple[int, ...]] = (4,)
    frames: int
    temporal_padding: Literal["zero", "replicate"] = "replicate"
    start_args: tuple[str, ...] = ()
    estimates_motion: bool = False
    from_file: ClassVar[bool] = False

    def super_resolve(self, lr: Tensor) -> Tensor:
        """Super-resolve frames, RGB in [0, 1], to (B, 3, s h, s w), s the scale; not clipped."""
        raise NotImplementedError(f"{type(self).__name__} must define super_resolve")

    def flows(self, y: Tensor) -> Tensor:
        """Flows (B, frames, 2, h, w) of LR luma (B, frames, 1, h, w) to its centre, in LR pixels, u first."""
        raise NotImplementedError(f"{type(self).__name__} estimates no motion")


class ImageNetwork(SRNetwork):
    """Base of networks with one input frame: ``super_resolve`` gets (B, 3, h, w)."""

    frames = 1

    def forward(self, lr: Tensor) -> Tensor:
        """Super-resolve LR frames (B, 3, h, w) or (B, 1, 3, h, w) to (B, 3, s h, s w), RGB in [0, 1].

        Raises:
            ValueError: another shape.
        """
        if lr.ndim == 5 and lr.shape[1] == 1:
            lr = lr[:, 0]
        if lr.ndim != 4 or lr.shape[1] != 3:
            raise ValueError(f"expected frames (B, 3, h, w) or (B, 1, 3, h, w), got {tuple(lr.shape)}")
        return self.super_resolve(lr)


class VideoNetwork(SRNetwork):
    """Base of networks with several input frames: ``super_resolve`` gets (B, frames, 3, h, w)."""

    def forward(self, lr: Tensor) -> Tensor:
        """Super-resolve the centre of LR frames (B, frames, 3, h, w) to (B, 3, s h, s w), RGB in [0, 1].

        Raises:
            ValueError: another shape.
        """
        if lr.ndim != 5 or lr.shape[1] != self.frames or lr.shape[2] != 3:
            raise ValueError(f"expected frames (B, {self.frames}, 3, h, w), got {tuple(lr.shape)}")
        return self.super_resolve(lr)


class ClipNetwork(VideoNetwork):
    """Base of networks that see a whole clip: ``sequence`` is given (B, T, 3, h, w), of any length.

    A clip longer than ``segment`` frames is cut into segments, with ``overlap`` frames around each that are
    computed with it and dropped (what that changes: docs/benchmarks.md). A training sees ``frames`` frames
    around the one that it compares.
    """

    frames = 7
    segment: ClassVar[int] = 60
    overlap: ClassVar[int] = 15

    def sequence(self, lr: Tensor, wanted: Collection[int]) -> Iterator[Tensor]:
        """Super-resolve a clip; yields the frames of the numbers ``wanted``, (B, 3, s h, s w), in order.

        One by one, so that a single HR frame is held.
        """
        raise NotImplementedError(f"{type(self).__name__} must define sequence")

    def super_resolve(self, lr: Tensor) -> Tensor:
        """The centre of a short clip."""
        return next(self.sequence(lr, [lr.shape[1] // 2]))


def construct(base: type[T], name: str, args: dict[str, Any], scale: int | None = None) -> T:
    """Build a network by its name (``pipeline.plugins.find``).

    Args:
        base: base class of its kind.
        name: a file in the folder of the kind, or ``package.module:Class``.
        args: arguments of its constructor.
        scale: of SR networks, the super-resolution factor; a constructor with the argument ``scale`` gets it.

    Returns:
        The network in training mode, with freshly drawn weights.

    Raises:
        PluginError: there is no such class.
        ArgumentsError: the constructor does not accept the arguments.
        NetworkError: it cannot be built for the scale.
    """
    cls = find(base, name)
    signature = inspect.signature(cls)
    if scale is not None:
        if "scale" in args:
            raise ArgumentsError(f"network {name!r}: scale is the configuration's; leave it out of args")
        scales = getattr(cls, "scales", (4,))
        if scale not in scales:
            listed = ", ".join(map(str, scales))
            raise NetworkError(
                f"{name} cannot be built for scale {scale}, only for {listed}; set scale to one"
            )
        args = args | ({"scale": scale} if "scale" in signature.parameters else {})
    try:
        signature.bind(**args)
    except TypeError as error:
        raise ArgumentsError(
            f"network {name!r}: args {args} do not fit, {error}; the constructor is {cls.__name__}{signature}"
        ) from None
    return cls(**args)


def in_float32(layer: nn.Module, features: Tensor) -> Tensor:
    """Apply a layer in float32 even if autocast runs the others in bfloat16.

    For layers that output pixel values, flow or filter weights: bfloat16's 8 bits do not resolve grey levels.
    """
    with torch.autocast(features.device.type, enabled=False):
        low = features.dtype in (torch.bfloat16, torch.float16)
        out: Tensor = layer(features.float() if low else features)
        return out
