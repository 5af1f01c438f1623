"""Names that the experiment gives, for rules and tables alike."""

from __future__ import annotations


def mixture_name(recognizer: str, ratio: float) -> str:
    """Name of a recogniser that was trained with a share of LR; without any it is the plain one."""
    return f"{recognizer}-mixed{100 * ratio:g}" if ratio else recognizer
