"""ESRGAN's two older key styles (docs/facts.md, section 5); the current one is ours.

Old: ``model.0``, ``model.1.sub.N.RDB1.conv1.0``, ``model.1.sub.<blocks>`` (after the blocks), ``model.3`` ...
Middle: ``RRDB_trunk.N.RDB1.conv1``, ``trunk_conv``, ``upconv1`` ... SoSR's release has one of them.
"""

from __future__ import annotations

import re

from torch import Tensor, nn

from pipeline.weights.formats import Source
from pipeline.weights.wrapping import renamed

OLD = {"0": "conv_first", "3": "conv_up1", "6": "conv_up2", "8": "conv_hr", "10": "conv_last"}
"""Places in the old style's sequence and what they are called now."""

MIDDLE = {
    "RRDB_trunk.": "body.",
    "trunk_conv.": "conv_body.",
    "upconv1.": "conv_up1.",
    "upconv2.": "conv_up2.",
    "HRconv.": "conv_hr.",
}
"""Beginnings of the middle style's keys and what they are called now."""


def old(source: Source, network: nn.Module) -> dict[str, Tensor] | None:
    """Current names of the old style."""
    if "model.1.sub.0.RDB1.conv1.0.weight" not in source.state:
        return None
    return renamed(source.state, _from_old)


def _from_old(key: str) -> str:
    if match := re.fullmatch(r"model\.1\.sub\.(\d+)\.RDB([123])\.conv([1-5])\.0\.(weight|bias)", key):
        return "body.{}.rdb{}.conv{}.{}".format(*match.groups())
    if match := re.fullmatch(r"model\.1\.sub\.\d+\.(weight|bias)", key):
        return f"conv_body.{match[1]}"
    if (match := re.fullmatch(r"model\.(\d+)\.(weight|bias)", key)) and match[1] in OLD:
        return f"{OLD[match[1]]}.{match[2]}"
    return key


def middle(source: Source, network: nn.Module) -> dict[str, Tensor] | None:
    """Current names of the middle style."""
    if "trunk_conv.weight" not in source.state:
        return None
    return renamed(source.state, _from_middle)


def _from_middle(key: str) -> str:
    for beginning, current in MIDDLE.items():
        if key.startswith(beginning):
            return current + key.removeprefix(beginning).replace(".RDB", ".rdb")
    return key
