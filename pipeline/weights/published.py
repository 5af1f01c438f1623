"""The importer: a published file into a network, whatever its format, wrapping and names."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from torch import Tensor, nn

from pipeline.weights import WeightsError
from pipeline.weights.fitting import fit
from pipeline.weights.formats import Source, read_source
from pipeline.weights.layouts import LAYOUTS


def load_published(network: nn.Module, path: Path, ignore: Collection[str] = ()) -> str:
    """Load a published file into a network, all keys or none.

    Args:
        network: changed in place.
        path: a file of any format of ``formats/`` in any layout of ``layouts/``.
        ignore: beginnings of keys that are left out (VGG's ``classifier.``).

    Returns:
        The name of the layout.

    Raises:
        WeightsError: a file that cannot be read, or keys that are missing, unexpected or of another shape.

    Source: docs/facts.md, sections 5 to 7; docs/weights.md.
    """
    layout, state = recognise(read_source(path), network)
    fit(network, {key: value for key, value in state.items() if not key.startswith(tuple(ignore))}, path)
    return layout


def recognise(source: Source, network: nn.Module) -> tuple[str, dict[str, Tensor]]:
    """The layout that gives most of the network's keys, and the tensors under the names that it gives."""
    own = network.state_dict().keys()
    try:
        renamed = {name: layout(source, network) for name, layout in LAYOUTS.items()}
    except (RuntimeError, IndexError) as error:
        raise WeightsError(
            f"{source.path} has a tensor of an unexpected number of axes ({error}); give the published file"
        ) from error
    found = {name: state for name, state in renamed.items() if state is not None}
    best = max(found, key=lambda name: len(own & found[name].keys()))
    return best, found[best]
