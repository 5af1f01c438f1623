"""Names of models and rows under a further degradation, such as ``sosr@h264_23``."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.config.degradation import SEPARATOR


class Degraded(NamedTuple):
    """What a name refers to: the configured name, and the further degradation; "" for the default one."""

    name: str
    degradation: str


def parse(name: str) -> Degraded:
    """The parts of a name."""
    base, _, degradation = name.partition(SEPARATOR)
    return Degraded(base, degradation)


def under(name: str, degradation: str | None) -> str:
    """A name under a degradation; None or "": the default one, whose names are the configured ones."""
    return f"{name}{SEPARATOR}{degradation}" if degradation else name
