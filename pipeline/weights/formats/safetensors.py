"""Files of safetensors: a header of names, types and shapes, then the numbers. Ours are among them."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from pipeline.weights import WeightsError
from pipeline.weights.checkpoint import read_own


def read(path: Path) -> dict[str, Tensor]:
    """Named tensors, on the CPU. Raises WeightsError for a file without any, and DamagedError."""
    own = read_own(path)
    state = load_file(path, device="cpu") if own is None else own["state_dict"]
    if not state:
        raise WeightsError(f"{path} holds no tensors; expected a network's weights")
    return state
