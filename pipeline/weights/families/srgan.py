"""SRGAN's 16-block release of Lornatang; leftthomas's ``blockN`` are our own names.

``conv_block1`` (later ``conv1``) is the first convolution with its PReLU, ``trunk.N.rcb`` a residual block,
``conv_block2`` what ends the trunk, ``upsampling.N.upsample_block`` an enlargement, ``conv_block3`` the
output.
"""

from __future__ import annotations

import re

from torch import Tensor, nn

from pipeline.weights.formats import Source
from pipeline.weights.wrapping import renamed

BLOCK = {"0": "conv1", "1": "bn1", "2": "prelu", "3": "conv2", "4": "bn2"}
ENLARGEMENT = {"0": "conv", "2": "prelu"}


def trunk(source: Source, network: nn.Module) -> dict[str, Tensor] | None:
    """Names ``blockN`` of the names ``trunk``, by as many blocks as the file has."""
    numbers = [int(match[1]) for key in source.state if (match := re.match(r"trunk\.(\d+)\.rcb\.", key))]
    if not numbers:
        return None
    blocks = max(numbers) + 1
    return renamed(source.state, lambda key: _name(key, blocks))


def _name(key: str, blocks: int) -> str:
    if match := re.fullmatch(r"trunk\.(\d+)\.rcb\.([0-4])\.(\w+)", key):
        return f"block{int(match[1]) + 2}.{BLOCK[match[2]]}.{match[3]}"
    if match := re.fullmatch(r"upsampling\.(\d+)\.upsample_block\.([02])\.(\w+)", key):
        return f"block{blocks + 3}.{match[1]}.{ENLARGEMENT[match[2]]}.{match[3]}"
    key = re.sub(r"^conv(?:_block)?1\.", "block1.", key)
    key = re.sub(r"^conv(?:_block)?2\.", f"block{blocks + 2}.", key)
    return re.sub(r"^conv(?:_block)?3\.", f"block{blocks + 3}.2.", key)
