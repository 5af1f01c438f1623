"""Validation during training: PSNR of a network and of bicubic interpolation, and sample images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from pipeline.config import Compute
from pipeline.superres.batches import PatchFile, validation_batches
from pipeline.superres.networks.bicubic import enlarge
from pipeline.training.torch_settings import autocast
from pipeline.video.psnr import psnr

if TYPE_CHECKING:
    from pipeline.training.log import TrainingLog

LIMIT = 128
"""Largest number of validation patches: enough to detect a failing training, and cheap."""
SAMPLES = 4
"""Patches shown as images."""


@dataclass(frozen=True)
class Validation:
    """PSNR in dB, mean over patches (RGB, a border as wide as the scale left out); LR | bicubic | SR | HR."""

    psnr: float
    bicubic_psnr: float
    images: torch.Tensor  # (3, height, width) in [0, 1]

    def show(self, log: TrainingLog, step: int) -> None:
        """Write it to the log of a training, as of step ``step``."""
        scalars = {"psnr/validation": self.psnr, "psnr/bicubic": self.bicubic_psnr}
        log.show(step, scalars, {"lr_bicubic_sr_hr": self.images})
        log.say(f"step {step}: PSNR {self.psnr:.2f} dB (bicubic {self.bicubic_psnr:.2f} dB)")


def validate(network: nn.Module, patches: PatchFile, batch_size: int, compute: Compute) -> Validation | None:
    """Compare the network with bicubic on the validation patches; None if there are none.

    The network's mode is restored. Of pairs only the first frame counts.
    """
    if not len(patches):
        return None
    was_training = network.training
    network.eval()
    ours: list[float] = []
    bicubics: list[float] = []
    rows: list[torch.Tensor] = []
    # Not inference_mode: networks cache tensors (matrices of bicubic) that are needed with gradients later.
    with torch.no_grad():
        for batch in validation_batches(patches, batch_size, LIMIT):
            lr, hr = batch.lr[:, 0], batch.hr[:, 0]
            with autocast(compute):
                sr = network(lr.to(compute.device)).float().cpu().clamp(0, 1)
            centre = lr[:, lr.shape[1] // 2]  # (B, 3, s, s)
            enlarged = enlarge(centre, patches.scale).clamp(0, 1)
            ours += _psnrs(sr, hr, patches.scale)
            bicubics += _psnrs(enlarged, hr, patches.scale)
            for i in range(min(len(lr), SAMPLES - len(rows))):
                nearest = centre[i].repeat_interleave(patches.scale, 1).repeat_interleave(patches.scale, 2)
                rows.append(torch.cat([nearest, enlarged[i], sr[i], hr[i]], dim=2))
    network.train(was_training)
    return Validation(sum(ours) / len(ours), sum(bicubics) / len(bicubics), torch.cat(rows, dim=1))


def _psnrs(sr: torch.Tensor, hr: torch.Tensor, border: int) -> list[float]:
    """PSNR in dB of each of the images (B, 3, h, w) in [0, 1], in 8 bits and without a border in pixels."""
    inner = (..., slice(border, -border), slice(border, -border))
    ours, references = (images[inner].mul(255).round().numpy() for images in (sr, hr))
    return [psnr(*pair) for pair in zip(ours, references, strict=True)]
