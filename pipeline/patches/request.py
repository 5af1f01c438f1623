"""Request of the stage in this folder."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.config.patches import Crops, Pairs
from pipeline.config.section import Scale
from pipeline.request import Request


class CropPatches(Request, Crops):
    """Cut the training patches of one kind."""

    kind: Literal["sosr", "tosr"] = Field(description="single frames, or pairs with their neighbourhoods")
    pairs: Pairs | None = Field(description="how pairs are made; null: single frames")
    scale: Scale = Field(description="side of an HR patch over that of its LR patch")
    low: Literal["patch", "frame"] = Field(
        description="LR of a patch: down-sampled from it by bicubic interpolation, or cut from the LR frames"
    )
    seed: int = Field(description="the configuration's seed")
