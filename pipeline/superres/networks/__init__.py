"""SR networks and discriminators, one file each, found by name.

A network is a module of this folder whose ``NETWORK`` is its class, or any importable
``package.module:Class``. What a class owes the rest of the pipeline is stated in ``base.py``.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import TYPE_CHECKING, Any

from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from torch import nn


class NetworkError(PipelineError, ValueError):
    """A network that cannot be found or built; the message says what to change."""


class ArgumentsError(NetworkError):
    """Arguments that a network's constructor does not take."""


def load_network(network: str, args: dict[str, Any]) -> nn.Module:
    """Build a network by name.

    Args:
        network: file in ``pipeline/superres/networks`` without its ending, or ``package.module:Class``.
        args: arguments of the class's constructor.

    Returns:
        The network in training mode, with freshly drawn weights.

    Raises:
        NetworkError: no such file, module or class, or arguments that the constructor does not take.
    """
    if ":" in network:
        module_name, _, class_name = network.partition(":")
    else:
        module_name, class_name = f"{__name__}.{network}", "NETWORK"
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        # A module that exists but imports something missing is another fault: show that one.
        if error.name is None or not (module_name + ".").startswith(error.name + "."):
            raise
        raise NetworkError(
            f"network {network!r}: no module {module_name}; "
            f"expected one of {', '.join(network_names())}, or package.module:Class"
        ) from None
    if not hasattr(module, class_name):
        names = "an existing class" if ":" in network else f"one of {', '.join(network_names())}"
        raise NetworkError(f"network {network!r}: {module_name} has no {class_name}; name {names}")
    factory = getattr(module, class_name)
    signature = inspect.signature(factory)
    try:
        signature.bind(**args)
    except TypeError as error:
        raise ArgumentsError(
            f"network {network!r}: args {args} do not fit, {error}; the constructor is "
            f"{factory.__name__}{signature}"
        ) from None
    return factory(**args)


def network_names() -> list[str]:
    """Names of the networks in this folder."""
    from pathlib import Path

    files = {info.name: Path(__path__[0], f"{info.name}.py") for info in pkgutil.iter_modules(__path__)}
    return sorted(name for name, file in files.items() if "\nNETWORK = " in file.read_text("utf-8"))
