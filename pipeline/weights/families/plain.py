"""Releases whose names ours follow.

VDSR, RCAN (``head``, ``body``, ``tail``, mean shifts), SRGAN of leftthomas (``blockN``), ESRGAN's current
names (``body.N.rdb1.conv1``), FlowNet2, and torchvision's VGG19, ResNet-50 and R(2+1)D-18.
"""

from __future__ import annotations

from torch import Tensor, nn

from pipeline.weights.formats import Source


def own_names(source: Source, network: nn.Module) -> dict[str, Tensor] | None:
    """The names as they are."""
    return dict(source.state)
