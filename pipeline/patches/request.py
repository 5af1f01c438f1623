"""Request of the stage in this folder."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.config.patches import Crops, Pairs
from pipeline.request import Request


class CropPatches(Request, Crops):
    """Cut the training patches of one kind."""

    kind: Literal["sosr", "tosr"] = Field(description="single frames, or pairs with their neighbourhoods")
    pairs: Pairs | None = Field(description="how pairs are made; null: single frames")
    seed: int = Field(description="the configuration's seed")
