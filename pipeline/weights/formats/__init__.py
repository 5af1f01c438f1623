"""Readers of weight files, one file a format, chosen by what the file begins with."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from pipeline.weights import WeightsError
from pipeline.weights.formats import caffe, hdf5, matlab, tensorflow, torch_file

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True)
class Source:
    """A file's tensors, on the CPU, under its own names.

    Attributes:
        path: the file.
        format: "torch", "h5", "matconvnet", "caffe" or "tensorflow".
        state: tensors in the file's own axes and order.
    """

    path: Path
    format: str
    state: dict[str, Tensor]


def read_source(path: Path) -> Source:
    """Read a weight file of any known format; nothing that the file names is imported or called.

    Raises:
        WeightsError: no such file, another format, or a damaged file.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"no weights at {path}: put the checkpoint there or change its path in the config")
    kind, read = _reader(path)
    try:
        state = read(path)
    except WeightsError:
        raise
    except Exception as error:  # the libraries' errors have no common base
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsError(
            f"cannot read {path} as a {kind} file ({reason}); is it complete? Get it again"
        ) from error
    return Source(path, kind, state)


def _reader(path: Path) -> tuple[str, Callable[[Path], dict[str, Tensor]]]:
    with path.open("rb") as file:
        # MATLAB puts 512 bytes of its own before HDF5's.
        head = file.read(520)
    if HDF5_MAGIC in (head[:8], head[512:]):
        return ("matconvnet", matlab.read_v73) if head.startswith(b"MATLAB") else ("h5", hdf5.read)
    if head.startswith(b"MATLAB 5.0"):
        return "matconvnet", matlab.read_v5
    if path.suffix == ".caffemodel":
        return "caffe", caffe.read
    if tensorflow.is_table(path):
        return "tensorflow", tensorflow.read
    if head[:1] == b"\x80" or zipfile.is_zipfile(path):
        return "torch", torch_file.read
    raise WeightsError(
        f"cannot read {path}: no known format; expected a file of torch (.pth, .pt, .tar), Caffe "
        "(.caffemodel), MatConvNet (.mat), VSR-DUF (.h5) or the .index of a TensorFlow checkpoint"
    )
