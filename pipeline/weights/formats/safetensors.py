"""Files of safetensors: a header of names, types and shapes, then the numbers."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from pipeline.weights import WeightsError


def begins(head: bytes) -> bool:
    """Whether a file that begins so is one: the header's length in eight bytes, then its JSON."""
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 40


def read(path: Path) -> dict[str, Tensor]:
    """Named tensors, on the CPU. Raises WeightsError for a file without any."""
    state = load_file(path, device="cpu")
    if not state:
        raise WeightsError(f"{path} holds no tensors; expected a network's weights")
    return state
