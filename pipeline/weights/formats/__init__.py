"""Readers of weight files, one file a format, chosen by what the file begins with."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from pipeline.errors import PipelineError
from pipeline.weights import WeightsError
from pipeline.weights.description import begins
from pipeline.weights.formats import caffe, hdf5, matlab, safetensors, tensorflow, torch_file
from pipeline.weights.mistaken import identify

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
Sets = dict[str, dict[str, Tensor]]
"""Named tensors by where they lie in the file: "" for all of it, "state_dict", "model.state_dict"."""


@dataclass(frozen=True)
class Source:
    """A file's tensors, on the CPU, under its own names.

    Attributes:
        path: the file.
        format: "torch" (safetensors have its names), "h5", "matconvnet", "caffe" or "tensorflow".
        sets: the state dicts that it holds, each in the file's own axes and order; at least one.
    """

    path: Path
    format: str
    sets: Sets

    @property
    def state(self) -> dict[str, Tensor]:
        """The first of the sets, which is the only one but for checkpoints of trainings."""
        return next(iter(self.sets.values()))


def read_source(path: Path) -> Source:
    """Read a weight file of any known format; nothing that the file names is imported or called.

    Raises:
        WeightsError: no such file, another format, or a damaged file.
        DamagedError: a damaged file of safetensors.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"no weights at {path}: put the checkpoint there or change its path in the config")
    kind, read = _reader(path)
    try:
        sets = read(path)
    except PipelineError:
        raise
    except Exception as error:  # the libraries' errors have no common base
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsError(
            f"cannot read {path} as a {kind} file ({reason}); is it complete? Get it again"
        ) from error
    return Source(path, kind, sets)


def _reader(path: Path) -> tuple[str, Callable[[Path], Sets]]:
    with path.open("rb") as file:
        # MATLAB puts 512 bytes of its own before HDF5's.
        head = file.read(520)
    if HDF5_MAGIC in (head[:8], head[512:]):
        return (
            ("matconvnet", _one(matlab.read_v73)) if head.startswith(b"MATLAB") else ("h5", _one(hdf5.read))
        )
    if head.startswith(b"MATLAB 5.0"):
        return "matconvnet", _one(matlab.read_v5)
    mistaken = identify(path)
    if not mistaken and path.suffix == ".caffemodel":
        return "caffe", _one(caffe.read)
    if not mistaken and tensorflow.is_table(path):
        return "tensorflow", _one(tensorflow.read)
    if not mistaken and (head[:1] == b"\x80" or zipfile.is_zipfile(path)):
        return "torch", torch_file.read
    if not mistaken and begins(head):
        return "torch", _one(safetensors.read)
    raise WeightsError(
        f"cannot read {path}: no known format: {mistaken}"
        if mistaken
        else f"cannot read {path}: no known format; expected a file of torch (.pth, .pt, .tar), safetensors, "
        "Caffe (.caffemodel), MatConvNet (.mat), VSR-DUF (.h5) or the .index of a TensorFlow checkpoint"
    )


def _one(read: Callable[[Path], dict[str, Tensor]]) -> Callable[[Path], Sets]:
    """A reader of a format whose files hold one set."""
    return lambda path: {"": read(path)}
