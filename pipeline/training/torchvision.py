"""Imports torchvision for other packages, also where its compiled operators do not fit torch's build.

PyTorch's index and PyPI have torchvision in builds for CUDA and for the CPU; with torch of another build its
import fails, because its Python part extends operators that its compiled part should declare. No network
that is used here calls these operators.
"""

from __future__ import annotations

import importlib
import sys

import torch

OPERATORS = "nms(Tensor a, Tensor b, float c) -> Tensor", "qnms(Tensor a, Tensor b, float c) -> Tensor"
"""Schemas that torchvision's import asks for."""

_LIBRARIES: list[torch.library.Library] = []
"""What was declared, which lasts as long as its object."""


def import_torchvision() -> None:
    """Import torchvision. Raises ModuleNotFoundError if it is not installed."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        for schema in OPERATORS:
            library.define(schema)  # type: ignore[no-untyped-call]
        _LIBRARIES.append(library)
        importlib.import_module("torchvision")
