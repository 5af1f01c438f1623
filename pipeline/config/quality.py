"""How the quality of super-resolved frames is measured."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.config.section import Name, Section


class Measure(Section):
    """Which parts of two frames are compared."""

    channel: Literal["y", "rgb"] = Field(
        "y", description="y: luma of BT.601, studio range (MATLAB's rgb2ycbcr), or all three channels of rgb"
    )
    border: Annotated[int, Field(ge=0)] | None = Field(
        None, description="pixels left out at each edge of a frame; null: as many as `scale`"
    )

    def left_out(self, scale: int) -> int:
        """Pixels left out at each edge of a frame that was enlarged by ``scale``."""
        return scale if self.border is None else self.border


class Quality(Measure):
    """PSNR, SSIM, flow and temporal profiles of super-resolved test frames against HR."""

    needs_hr: ClassVar[bool] = True

    datasets: list[Name] | None = Field(None, description="data sets; null: all")
