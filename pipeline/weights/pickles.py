"""Torch's files that hold more than tensors, read without running anything that they name.

A pickle is a program: it imports what it names and calls it. ``torch.save(model)`` needs that, so such files
cannot be read by ``torch.load(weights_only=True)``. This module takes the place of ``pickle`` in
``torch.load``: an import gives one of a few harmless things (an ordered dictionary, a set, what shapes a
tensor) or, whatever was named, a new class that does nothing but keep what the file says of its objects. No
module is imported and no function of the file's choice is called.
"""

from __future__ import annotations

import pickle
import sys
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from pipeline.weights import WeightsError


class StandIn:
    """Stands for an object of a class that is not loaded: it keeps its arguments and state, and is inert."""

    args: tuple[Any, ...]
    state: Any

    def __new__(cls, *args: Any, **_: Any) -> StandIn:
        self = super().__new__(cls)
        self.args, self.state = args, None
        return self

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, _: Any) -> None:
        """Take an item, as lists do, and forget it."""

    def extend(self, _: Any) -> None:
        """Take items, as lists do, and forget them."""


class _Rebuild:
    """What torch calls to shape a tensor; without attributes, so that no file can change it."""

    __slots__ = ()

    def __call__(self, storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Tensor:
        return torch._utils._rebuild_tensor(storage, offset, size, stride)


class _First:
    """What torch calls to make a parameter of a tensor: its first argument."""

    __slots__ = ()

    def __call__(self, value: Any, *_: Any) -> Any:
        return value


HARMLESS = {
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
    ("torch", "Size"): tuple,
    ("torch._utils", "_rebuild_tensor"): _Rebuild(),
    ("torch._utils", "_rebuild_tensor_v2"): _Rebuild(),
    ("torch._utils", "_rebuild_parameter"): _First(),
    ("torch._utils", "_rebuild_parameter_with_state"): _First(),
}
"""All that a file can call, but for the making of stand-ins and of torch's storages."""


class Unpickler(pickle.Unpickler):
    """An unpickler whose imports give members of HARMLESS or fresh stand-in classes."""

    def __init__(self, file: BinaryIO, **options: Any) -> None:
        super().__init__(file, **options)
        self.classes: dict[tuple[str, str], type] = {}

    def find_class(self, module: str, name: str) -> Any:
        """What the file gets for ``module.name``."""
        if (module, name) in HARMLESS:
            return HARMLESS[module, name]
        if (module, name) not in self.classes:
            self.classes[module, name] = type(str(name), (StandIn,), {})
        return self.classes[module, name]


def load(file: BinaryIO, **options: Any) -> Any:
    """What ``torch.load`` calls for the parts of an older file beside its objects."""
    return Unpickler(file, **options).load()


def read_pickle(path: Path) -> Any:
    """Content of a torch file, its tensors on the CPU, with a ``StandIn`` for each object of another class.

    Raises:
        WeightsError: no torch file, a damaged one, or one that calls or refers to something else.
    """
    try:
        # From such a file torch itself would load a program, whatever reads pickles.
        reader: Any = torch._C.PyTorchFileReader  # its stub lacks the method
        if zipfile.is_zipfile(path) and reader(str(path)).has_record("constants.pkl"):
            raise pickle.UnpicklingError("a TorchScript program")
        with warnings.catch_warnings(action="ignore"):  # that the sources of classes are not at hand
            # Python 2's text is bytes: latin1 reads any, and keys are ASCII.
            return torch.load(
                path, "cpu", sys.modules[__name__], weights_only=False, mmap=False, encoding="latin1"
            )
    except Exception as error:  # a hostile file can raise whatever it likes
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsError(
            f"cannot read {path} as tensors ({reason}); expected a .pth or .pt file of torch: a state dict "
            "or a whole module"
        ) from error
