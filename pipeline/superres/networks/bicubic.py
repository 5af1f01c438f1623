"""Bicubic enlargement with MATLAB's kernel, the paper's baseline row.

Keys' kernel with a = -0.5 and mirrored edges (docs/facts.md, section 1), as two matrix products. No
parameters. Results are neither rounded nor clipped, unlike MATLAB's for 8-bit images; the caller rounds once.
VDSR and SPMC use ``enlarge`` too.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from pipeline.config import SCALE
from pipeline.superres.network import ImageNetwork
from pipeline.video.resize import bicubic_matrix


@lru_cache(maxsize=64)
def _matrix(n: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Weights (4n, n) of one axis."""
    # A tensor cached in inference mode could not be used by a later training.
    with torch.inference_mode(False):
        return torch.tensor(bicubic_matrix(n, SCALE * n), dtype=dtype, device=device)


def enlarge(image: Tensor) -> Tensor:
    """Enlarge an image (B, C, h, w) to (B, C, 4h, 4w) as MATLAB's imresize does; at least float32."""
    dtype = torch.float64 if image.dtype == torch.float64 else torch.float32
    h, w = image.shape[-2:]
    with torch.autocast(image.device.type, enabled=False):
        columns = image.to(dtype) @ _matrix(w, dtype, image.device).T  # (B, C, h, 4w)
        return _matrix(h, dtype, image.device) @ columns  # (B, C, 4h, 4w)


class Bicubic(ImageNetwork):
    """Bicubic enlargement as an SR network without parameters."""

    def super_resolve(self, lr: Tensor) -> Tensor:
        """Enlarge (B, 3, h, w) to (B, 3, 4h, 4w), at least float32.

        In float64 the sums are exact, as weights are multiples of 2**-10 and float32 pixels v / 255 of
        2**-32: the bytes of frames do not depend on the order in which a processor adds.
        """
        return enlarge(lr.double()).to(torch.promote_types(lr.dtype, torch.float32))
