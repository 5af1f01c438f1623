"""MatConvNet's networks (dagnn): a .mat whose ``params``, perhaps in ``net``, have ``name`` and ``value``.

Values keep MATLAB's axes: filters are (h, w, in, out). Files up to version 7 are read by SciPy, those of
version 7.3, which are HDF5 with the axes in reverse, by h5py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.io
import torch
from torch import Tensor

from pipeline.hdf5 import open_file
from pipeline.weights import WeightsError


def read_v5(path: Path) -> dict[str, Tensor]:
    """Parameters by name. Raises WeightsError for a file without them."""
    content: Any = scipy.io.loadmat(path, variable_names=["net", "params"])
    if "params" not in content and "net" in content:
        content = content["net"][0, 0]
        names = content.dtype.names or ()
    else:
        names = [name for name in content if not name.startswith("__")]
    if "params" not in names or not {"name", "value"} <= set(content["params"].dtype.names or ()):
        raise _without_parameters(path, names)
    rows = content["params"].ravel()
    return {str(row["name"].item()): _tensor(path, row["value"]) for row in rows}


def read_v73(path: Path) -> dict[str, Tensor]:
    """As ``read_v5``, of version 7.3."""
    with open_file(path) as file:
        content = file["net"] if "params" not in file and "net" in file else file
        params = content.get("params") if isinstance(content, h5py.Group) else None
        if not isinstance(params, h5py.Group) or not {"name", "value"} <= set(params):
            raise _without_parameters(path, list(content))
        state = {}
        for name, value in zip(params["name"][()].ravel(), params["value"][()].ravel(), strict=True):
            text = "".join(map(chr, file[name][()].ravel()))
            state[text] = _tensor(path, file[value][()].T)
        return state


def _tensor(path: Path, value: np.ndarray) -> Tensor:
    if value.dtype.kind not in "fiu":
        raise WeightsError(
            f"{path}: a parameter is no array of numbers; save the network with gathered arrays"
        )
    return torch.from_numpy(np.array(value, np.float32, order="C"))


def _without_parameters(path: Path, names: Any) -> WeightsError:
    return WeightsError(
        f"{path} holds {', '.join(names) or 'nothing'}; expected params of MatConvNet's dagnn"
    )
