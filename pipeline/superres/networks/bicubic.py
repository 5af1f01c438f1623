"""Bicubic enlargement with MATLAB's kernel, the paper's baseline row.

Keys' kernel with a = -0.5 and mirrored edges (docs/facts.md, section 1), as two matrix products. No
parameters. Results are neither rounded nor clipped, unlike MATLAB's for 8-bit images; the caller rounds once.
VDSR and SPMC use ``enlarge`` too.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from pipeline.superres.network import ImageNetwork
from pipeline.video.resize import bicubic_matrix


@lru_cache(maxsize=64)
def _matrix(n: int, scale: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Weights (scale n, n) of one axis."""
    # A tensor cached in inference mode could not be used by a later training.
    with torch.inference_mode(False):
        return torch.tensor(bicubic_matrix(n, scale * n), dtype=dtype, device=device)


def enlarge(image: Tensor, scale: int = 4) -> Tensor:
    """Enlarge an image (B, C, h, w) to (B, C, s h, s w) as MATLAB's imresize does; at least float32."""
    dtype = torch.float64 if image.dtype == torch.float64 else torch.float32
    h, w = image.shape[-2:]
    with torch.autocast(image.device.type, enabled=False):
        columns = image.to(dtype) @ _matrix(w, scale, dtype, image.device).T  # (B, C, h, s w)
        return _matrix(h, scale, dtype, image.device) @ columns  # (B, C, s h, s w)


class Bicubic(ImageNetwork):
    """Bicubic enlargement as an SR network without parameters.

    Args:
        scale: enlargement.
    """

    scales = (2, 3, 4, 8)

    def __init__(self, scale: int = 4) -> None:
        super().__init__()
        self.scale = scale

    def super_resolve(self, lr: Tensor) -> Tensor:
        """Enlarge (B, 3, h, w) to (B, 3, s h, s w), at least float32.

        In float64 the sums are exact at scales 2, 4 and 8, as weights are multiples of a power of
        two and float32 pixels v / 255 of 2**-32: the bytes of frames do not depend on the order in which a
        processor adds.
        """
        return enlarge(lr.double(), self.scale).to(torch.promote_types(lr.dtype, torch.float32))
