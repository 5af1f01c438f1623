"""How the quality of super-resolved frames is measured."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.config.section import SCALE, Name, Section


class Measure(Section):
    """Which parts of two frames are compared."""

    channel: Literal["y", "rgb"] = Field(
        "y", description="y: luma of BT.601, studio range (MATLAB's rgb2ycbcr), or all three channels of rgb"
    )
    border: Annotated[int, Field(ge=0)] = Field(
        SCALE, description="pixels left out at each edge of a frame; the usual value is the scale"
    )


class Quality(Measure):
    """PSNR, SSIM, flow and temporal profiles of super-resolved test frames against HR."""

    needs_hr: ClassVar[bool] = True

    datasets: list[Name] | None = Field(None, description="data sets; null: all")
