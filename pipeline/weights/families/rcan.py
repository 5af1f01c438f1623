"""RCAN of BasicSR (``rcan_arch.py``); the author's names, an EDSR descendant's, are ours.

``conv_first``, ``body.G.residual_group.B.rcab.{0,2}`` with ``rcab.3.attention.{1,3}``, ``body.G.conv`` at a
group's end, ``conv_after_body``, ``upsample.{0,2}``, ``conv_last``.

DIV2K's mean colour is a constant of BasicSR's class and not in its file: the network's own is kept.
"""

from __future__ import annotations

import re

from torch import Tensor, nn

from pipeline.weights import WeightsError
from pipeline.weights.formats import Source

BLOCK = re.compile(r"body\.(\d+)\.residual_group\.(\d+)\.rcab\.(0|2|3\.attention\.[13])\.(weight|bias)")
LAYERS = {"0": "0", "2": "2", "3.attention.1": "3.conv_du.0", "3.attention.3": "3.conv_du.2"}
MEANS = ("sub_mean.", "add_mean.")


def basicsr(source: Source, network: nn.Module) -> dict[str, Tensor] | None:
    """The author's names, by as many groups and blocks as the file has.

    Raises:
        WeightsError: the network subtracts no mean colour, as BasicSR's always does.
    """
    places = [
        (int(match[1]), int(match[2])) for key in source.state if (match := BLOCK.fullmatch(key)) is not None
    ]
    if not places or not hasattr(network, "sub_mean"):
        return None
    means = {key: value for key, value in network.state_dict().items() if key.startswith(MEANS)}
    if not means:
        raise WeightsError(
            f"{source.path} holds BasicSR's RCAN, which subtracts DIV2K's mean colour; "
            "leave mean_shift: false out of the network's args"
        )
    groups, blocks = (1 + max(numbers) for numbers in zip(*places, strict=True))
    return means | {_renamed(key, groups, blocks): value for key, value in source.state.items()}


def _renamed(key: str, groups: int, blocks: int) -> str:
    if match := BLOCK.fullmatch(key):
        group, block, layer, part = match.groups()
        return f"body.{group}.body.{block}.body.{LAYERS[layer]}.{part}"
    key = re.sub(r"^body\.(\d+)\.conv\.", rf"body.\1.body.{blocks}.", key)
    key = re.sub(r"^conv_first\.", "head.0.", key)
    key = re.sub(r"^conv_after_body\.", f"body.{groups}.", key)
    key = re.sub(r"^upsample\.", "tail.0.", key)
    return re.sub(r"^conv_last\.", "tail.1.", key)
