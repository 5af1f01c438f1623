"""Discriminators of the adversarial loss, one file each; ``package.module:Class`` is also possible.

Their base class is in ``superres/discriminator.py``. This module does not load torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.superres.discriminator import Discriminator


def load_discriminator(network: str, args: dict[str, Any]) -> Discriminator:
    """Build a discriminator by name; see ``pipeline.superres.network.construct``."""
    from pipeline.superres.discriminator import Discriminator
    from pipeline.superres.network import construct

    return construct(Discriminator, network, args)
