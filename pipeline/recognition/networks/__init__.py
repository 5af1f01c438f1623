"""The recognisers' networks, one file each; a new one needs no other change."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError
from pipeline.recognition.networks.backbone import Backbone


class NetworkError(PipelineError):
    """A network that does not exist or does not take the given arguments."""


def load_backbone(
    network: str, classes: int, in_channels: int, dropout: float, args: dict[str, Any]
) -> Backbone:
    """The backbone ``network``: a file of this folder (its ``NETWORK``), or ``package.module:Class``.

    Called with ``classes``, ``in_channels`` (3 for frames, 2 x stack for flow), ``dropout`` and ``args``.
    Raises NetworkError naming the network and what was expected.
    """
    if ":" in network:
        module_name, class_name = network.split(":", 1)
    else:
        module_name, class_name = f"{__name__}.{network}", None
        if importlib.util.find_spec(module_name) is None:
            known = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))
            raise NetworkError(f"there is no network '{network}'; found {', '.join(known)}")
    try:
        module = importlib.import_module(module_name)
        constructor = getattr(module, class_name or "NETWORK")
    except (ImportError, AttributeError) as error:
        raise NetworkError(
            f"network '{network}': {error}; expected a file or package.module:Class"
        ) from error
    try:
        return constructor(classes=classes, in_channels=in_channels, dropout=dropout, **args)
    except TypeError as error:
        raise NetworkError(f"network '{network}' does not take args {sorted(args)}: {error}") from error
