"""Backward warping by a flow field (section 3.2.2)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Outside = Literal["border", "zeros"]


def warp(image: Tensor, flow: Tensor, outside: Outside = "border") -> Tensor:
    """Backward bilinear warp W(I, F)(x) = I(x + F(x)).

    Indexes pixels directly, because ``grid_sample`` rounds coordinates when it maps them to [-1, 1].
    Differentiable in image and flow (a flow that leaves the image has no gradient there).

    Args:
        image: (B, C, H, W), floating.
        flow: (B, 2, H, W), x first, in pixels.
        outside: value of samples outside the image. "border": the nearest pixel of the border. "zeros", like
            the warp of ToSR's authors: 0, also at the last row and column themselves; up to a pixel before
            the first row or column, the values are extrapolated linearly from the first two pixels.

    Returns:
        (B, C, H, W).

    Raises:
        ValueError: the shapes do not fit.
    """
    if image.ndim != 4 or flow.shape != (image.shape[0], 2, *image.shape[2:]):
        raise ValueError(
            f"warp takes an image (B, C, H, W) and flow (B, 2, H, W) of its size, "
            f"got {tuple(image.shape)} and {tuple(flow.shape)}"
        )
    height, width = image.shape[2:]
    x = torch.arange(width, device=flow.device, dtype=flow.dtype) + flow[:, 0]
    y = torch.arange(height, device=flow.device, dtype=flow.dtype)[:, None] + flow[:, 1]
    if outside == "border":
        x, y = x.clamp(0, width - 1), y.clamp(0, height - 1)  # (B, H, W)
    # Rounds towards zero, like the authors' conversion to integers; inside the image this is floor.
    left, top = x.detach().trunc(), y.detach().trunc()
    right_share, low_share = (x - left)[:, None].to(image.dtype), (y - top)[:, None].to(image.dtype)
    left, top = left.long().clamp(0, width - 1), top.long().clamp(0, height - 1)
    right, low = (left + 1).clamp(max=width - 1), (top + 1).clamp(max=height - 1)
    pixels = image.flatten(2)  # (B, C, H W)

    def at(row: Tensor, column: Tensor) -> Tensor:
        index = (row * width + column).flatten(1)[:, None].expand(-1, image.shape[1], -1)
        return pixels.gather(2, index).view_as(image)

    upper = at(top, left) * (1 - right_share) + at(top, right) * right_share
    lower = at(low, left) * (1 - right_share) + at(low, right) * right_share
    warped = upper * (1 - low_share) + lower * low_share
    if outside == "border":
        return warped
    inside = (x > -1) & (x < width - 1) & (y > -1) & (y < height - 1)
    return warped * inside[:, None]
