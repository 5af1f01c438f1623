"""Training patches."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.config.section import Pair, PositiveInt, Section


class DrawnFrames(Section):
    """Frames of a training video from which patches are cut."""

    frames_per_video: PositiveInt = Field(120, description="frames drawn from each video")
    margin: Annotated[int, Field(ge=0)] = Field(
        5, description="frames at each end of a video that are not drawn"
    )


class Crops(Section):
    """Patches cut from a frame."""

    size: PositiveInt = Field(128, description="side of an HR patch in pixels, a multiple of `scale`")
    crops: PositiveInt = Field(10, description="crops kept per frame: those with the most motion")
    grid: Pair = Field([40, 30], description="stride of candidate crops in x and y")
    border: Annotated[int, Field(ge=0)] = Field(
        10, description="pixels at a crop's border left out of motion score and warp check"
    )
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.07, description="fraction of the drawn frames, at the end of each video, used for validation"
    )


class Pairs(Section):
    """Pairs of frames with their neighbourhoods, for video networks."""

    neighbours: PositiveInt = Field(7, description="LR frames around each HR frame, odd")
    pair_gap: Literal[1, 2] = Field(
        1, description="distance in frames between the two of a pair (authors' code: 2)"
    )
    pair_lr: Literal["patch", "frame"] = Field(
        "patch",
        description="LR of a pair: HR patches down-sampled (authors' code), or cut from the LR frames; under "
        "other degradations than bicubic always the latter, also of single frames",
    )
    warp_check: bool = Field(True, description="keep a pair only if warping raises its PSNR")


class Patches(DrawnFrames, Crops, Pairs):
    """Top-motion training patches (section 4.1; authors' code)."""

    spatial_flow: Literal["flownet2", "tvl1"] = Field(
        "flownet2", description="flow of the weight maps (paper: FlowNet2; TV-L1 slightly worse)"
    )

    @model_validator(mode="after")
    def _check(self) -> Patches:
        if self.neighbours % 2 == 0:
            raise ValueError(f"neighbours is {self.neighbours}, but must be odd")
        if 2 * self.border >= self.size:
            raise ValueError(f"border {self.border} leaves nothing of a patch of {self.size}")
        return self
