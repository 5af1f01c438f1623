"""Memory layout of SR networks."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

N = TypeVar("N", bound=nn.Module)


def image_layout(network: N) -> N:
    """Convert the weights of 2-D convolutions to channels-last in place, and return the network.

    This is a fifth to a third faster on the CPU, in float32 and bfloat16. 3-D convolutions do not profit, and
    ``Module.to(memory_format=...)`` refuses networks that have both.
    """
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network
