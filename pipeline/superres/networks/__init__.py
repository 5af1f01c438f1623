"""SR networks, one file each; for your own class write ``package.module:Class``.

Their base classes are in ``superres/network.py``. This module does not load torch, because planning uses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.plugins import files

if TYPE_CHECKING:
    from pipeline.superres.network import SRNetwork


def load_network(network: str, args: dict[str, Any], scale: int = 4) -> SRNetwork:
    """Build an SR network by name for a scale; see ``pipeline.superres.network.construct``."""
    from pipeline.superres.network import SRNetwork, construct

    return construct(SRNetwork, network, args, scale)


def network_names() -> list[str]:
    """Names of the networks in this folder."""
    return files(__name__)
