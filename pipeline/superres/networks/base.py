"""What SR networks have in common.

An SR network has ``frames`` (LR frames that it sees: 1, 3 or 7), ``temporal_padding`` ("zero" or
"replicate": what the caller puts beyond a clip's ends), and ``forward(lr)`` from (B, frames, 3, h, w)
RGB in [0, 1] to (B, 3, 4h, 4w) RGB, not clipped. It may have ``start_args``: names of arguments that add
parameters, which its constructor starts; a training with them may start from a model without them (`init`).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn


class ImageNetwork(nn.Module):
    """Base of networks that see one frame; sub-classes define ``super_resolve``."""

    frames = 1
    temporal_padding: Literal["zero", "replicate"] = "replicate"

    def forward(self, lr: Tensor) -> Tensor:
        """Super-resolve LR frames (B, 3, h, w) or (B, 1, 3, h, w) to (B, 3, 4h, 4w), RGB in [0, 1].

        Raises:
            ValueError: another shape.
        """
        if lr.ndim == 5 and lr.shape[1] == 1:
            lr = lr[:, 0]
        if lr.ndim != 4 or lr.shape[1] != 3:
            raise ValueError(f"expected frames (B, 3, h, w) or (B, 1, 3, h, w), got {tuple(lr.shape)}")
        return self.super_resolve(lr)

    def super_resolve(self, lr: Tensor) -> Tensor:
        """Super-resolve (B, 3, h, w) to (B, 3, 4h, 4w)."""
        raise NotImplementedError(f"{type(self).__name__} must define super_resolve")


def in_float32(layer: nn.Module, features: Tensor) -> Tensor:
    """Apply a layer in float32 where autocast runs the others in bfloat16.

    For layers that end in pixel values, flow or filter weights: bfloat16's 8 bits are less than a
    grey level.
    """
    with torch.autocast(features.device.type, enabled=False):
        return layer(features.float() if features.dtype in (torch.bfloat16, torch.float16) else features)


def check_video(lr: Tensor, frames: int) -> None:
    """Refuse a tensor that is not (B, frames, 3, h, w).

    Raises:
        ValueError: another shape.
    """
    if lr.ndim != 5 or lr.shape[1] != frames or lr.shape[2] != 3:
        raise ValueError(f"expected frames (B, {frames}, 3, h, w), got {tuple(lr.shape)}")
