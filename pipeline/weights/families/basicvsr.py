"""BasicVSR of mmediting and MMagic; BasicSR's names are ours.

``backward_resblocks``, ``forward_resblocks``, ``upsample1.upsample_conv``, ``upsample2.upsample_conv``, and
SPyNet's convolutions in modules of their own (``spynet.basic_module.L.basic_module.N.conv``; N does not count
the ReLUs).
"""

from __future__ import annotations

import re

from torch import Tensor, nn

from pipeline.weights.formats import Source
from pipeline.weights.wrapping import renamed

BEGINNINGS = {
    "backward_resblocks.": "backward_trunk.",
    "forward_resblocks.": "forward_trunk.",
    "upsample1.upsample_conv.": "upconv1.",
    "upsample2.upsample_conv.": "upconv2.",
}
"""Beginnings of the keys, and ours."""
FLOW = re.compile(r"(spynet\.basic_module\.\d+\.basic_module)\.(\d+)\.conv\.(weight|bias)")


def mmediting(source: Source, network: nn.Module) -> dict[str, Tensor] | None:
    """Our names of mmediting's."""
    if "upsample1.upsample_conv.weight" not in source.state:
        return None
    return renamed(source.state, _name)


def _name(key: str) -> str:
    if match := FLOW.fullmatch(key):
        return f"{match[1]}.{2 * int(match[2])}.{match[3]}"
    for beginning, ours in BEGINNINGS.items():
        if key.startswith(beginning):
            return ours + key.removeprefix(beginning)
    return key
