"""Releases whose names ours follow, but for what stands before them.

VDSR, RCAN (``head``, ``body``, ``tail``, mean shifts), SRGAN of leftthomas (``blockN``), ESRGAN's current
names (``body.N.rdb1.conv1``), FlowNet2, and torchvision's VGG19 and ResNet-50.
"""

from __future__ import annotations

from torch import Tensor, nn

from pipeline.weights.formats import Source

PREFIXES = ("module.", "model.", "base_model.", "backbone.", "netG.", "generator.")


def own_names(source: Source, network: nn.Module) -> dict[str, Tensor] | None:
    """The names as they are."""
    return dict(source.state)


def without_prefixes(source: Source, network: nn.Module) -> dict[str, Tensor] | None:
    """The names without any of PREFIXES before them."""
    return {bare(key): value for key, value in source.state.items()}


def bare(key: str) -> str:
    """A key without the prefixes that wrap networks."""
    while key.startswith(PREFIXES):
        key = key.split(".", 1)[1]
    return key
