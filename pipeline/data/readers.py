"""The readers of published layouts by name, each with ``read_lists`` and ``find_clips``."""

from __future__ import annotations

from pipeline.data import hmdb51, ucf101

READERS = {"ucf101": ucf101, "hmdb51": hmdb51}
