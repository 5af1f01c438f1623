"""Discriminators of the adversarial loss, one file each; ``package.module:Class`` serves as well.

What they have in common is in ``superres/discriminator.py``. Nothing here loads torch.
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
