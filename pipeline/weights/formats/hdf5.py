"""The .h5 files of the VSR-DUF release: group ``params``, TensorFlow's names mangled.

In a key a single underscore stands for TensorFlow's "/", a double one for an underscore:
``G_Rbn1a_moving__mean:0`` is ``G/Rbn1a/moving_mean:0``.
"""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import torch
from torch import Tensor

from pipeline.hdf5 import open_file
from pipeline.weights import WeightsError

GROUP = "params"


def read(path: Path) -> dict[str, Tensor]:
    """Tensors by TensorFlow's names, in its axes (convolutions are (t, h, w, in, out)).

    Raises:
        WeightsError: no group ``params`` of arrays.
    """
    with open_file(path) as file:
        group = file.get(GROUP)
        if not isinstance(group, h5py.Group):
            raise WeightsError(
                f"{path} has no group {GROUP}, but {', '.join(list(file)[:12])}; expected "
                "VSR-DUF's parameters (params_16L_x4.h5)"
            )
        arrays = {name: item for name, item in group.items() if isinstance(item, h5py.Dataset)}
        return {tensorflow_name(name): torch.from_numpy(array[()]) for name, array in arrays.items()
                if array.shape}  # fmt: skip


def tensorflow_name(key: str) -> str:
    """The name that a key of the file stands for."""
    return re.sub(r"(?<!_)_(?!_)", "/", key).replace("__", "_")
