"""Turns stored frames and fields into a network's input: cropping, mirroring, stacking, normalisation.

Raw input is uint8 (n, height, width, channels): 3 colours, or u and v of each field of a stack in turn.
"""

from __future__ import annotations

import numpy as np
import torch

from pipeline.recognition.backbone import Normalisation
from pipeline.recognition.crops import Box
from pipeline.video.resize import resize_frames


def mirror(raw: np.ndarray, flow: bool) -> np.ndarray:
    """Mirror raw input left to right; u becomes 255 - u, because its direction is reversed."""
    mirrored = raw[:, :, ::-1]
    if not flow:
        return mirrored
    mirrored = mirrored.copy()
    mirrored[..., 0::2] = 255 - mirrored[..., 0::2]
    return mirrored


def cut(raw: np.ndarray, box: Box, flow: bool) -> np.ndarray:
    """The part ``box`` of raw input (n, H, W, c) -> (n, box.height, box.width, c)."""
    part = raw[:, box.top : box.top + box.height, box.left : box.left + box.width]
    return mirror(part, flow) if box.mirrored else part


def cut_resized(raw: np.ndarray, box: Box, crop: int, flow: bool) -> np.ndarray:
    """``cut``, resized to (n, crop, crop, c) as in training; flow keeps its values, as in TSN."""
    part = raw[:, box.top : box.top + box.height, box.left : box.left + box.width]
    resized = resize_frames(part, crop, crop)
    return mirror(resized, flow) if box.mirrored else resized


def stack_fields(fields: np.ndarray, stack: int) -> np.ndarray:
    """(n x stack, h, w, 2) -> (n, h, w, 2 x stack): u, v of the first field, u, v of the next, ..."""
    _, height, width, _ = fields.shape
    grouped = fields.reshape(-1, stack, height, width, 2).transpose(0, 2, 3, 1, 4)
    return grouped.reshape(-1, height, width, 2 * stack)


def normalise(raw: torch.Tensor, normalisation: Normalisation, flow: bool) -> torch.Tensor:
    """Raw uint8 (..., h, w, c) -> normalised float32 (..., c, h, w), where ``raw`` is.

    Frames become (value - mean) / std, flow (value - 128) / flow_std. The tensor stays channels-last in
    memory, which halves the CPU time of these networks.
    """
    tensor = raw.movedim(-1, -3).float()
    if flow:
        return tensor.sub_(128.0).div_(normalisation.flow_std)
    if normalisation.order == "bgr":
        tensor = tensor.flip(-3)
    mean, std = (torch.tensor(of).to(raw.device) for of in (normalisation.mean, normalisation.std))
    return tensor.sub_(mean[:, None, None]).div_(std[:, None, None])
