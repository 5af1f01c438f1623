"""SR networks, one file each; a class of anyone's own serves as well: ``package.module:Class``.

What they have in common is in ``superres/network.py``. Nothing here loads torch: planning reads the names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.plugins import files

if TYPE_CHECKING:
    from pipeline.superres.network import SRNetwork


def load_network(network: str, args: dict[str, Any]) -> SRNetwork:
    """Build an SR network by name; see ``pipeline.superres.network.construct``."""
    from pipeline.superres.network import SRNetwork, construct

    return construct(SRNetwork, network, args)


def network_names() -> list[str]:
    """Names of the networks in this folder."""
    return files(__name__)
