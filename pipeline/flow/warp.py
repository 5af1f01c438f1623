"""Backward warping by a flow field (section 3.2.2)."""

from __future__ import annotations

import torch
from torch import Tensor


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """Backward bilinear warp W(I, F)(x) = I(x + F(x)), with the border replicated.

    Indexes pixels itself, because ``grid_sample`` rounds coordinates on their way through [-1, 1].
    Differentiable in image and flow (a flow that leaves the image has no gradient there).

    Args:
        image: (B, C, H, W), floating.
        flow: (B, 2, H, W), x first, in pixels.

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
    x, y = x.clamp(0, width - 1), y.clamp(0, height - 1)  # (B, H, W)
    left, top = x.detach().floor(), y.detach().floor()
    right_share, low_share = (x - left)[:, None].to(image.dtype), (y - top)[:, None].to(image.dtype)
    left, top = left.long(), top.long()
    right, low = (left + 1).clamp(max=width - 1), (top + 1).clamp(max=height - 1)
    pixels = image.flatten(2)  # (B, C, H W)

    def at(row: Tensor, column: Tensor) -> Tensor:
        index = (row * width + column).flatten(1)[:, None].expand(-1, image.shape[1], -1)
        return pixels.gather(2, index).view_as(image)

    upper = at(top, left) * (1 - right_share) + at(top, right) * right_share
    lower = at(low, left) * (1 - right_share) + at(low, right) * right_share
    return upper * (1 - low_share) + lower * low_share
