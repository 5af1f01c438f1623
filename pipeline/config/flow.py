"""Optical flow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.section import NonNegativeFloat, PositiveFloat, PositiveInt, Section


class TVL1(Section):
    """TV-L1 optical flow (Zach, Pock, Bischof 2007); defaults are OpenCV's CPU schedule."""

    tau: PositiveFloat = Field(0.25, description="time step of the dual ascent")
    lambda_: PositiveFloat = Field(0.15, description="weight of the data term")
    theta: PositiveFloat = Field(0.3, description="tightness of the coupling")
    scales: PositiveInt = Field(5, description="levels of the pyramid")
    scale_step: Annotated[float, Field(gt=0, lt=1)] = Field(0.8, description="ratio of two levels")
    warps: PositiveInt = Field(5, description="warps per level")
    epsilon: NonNegativeFloat = Field(0.01, description="stopping threshold; 0: never stop early")
    inner_iterations: PositiveInt = Field(30, description="iterations between two medians")
    outer_iterations: PositiveInt = Field(10, description="rounds of inner iterations per warp")
    median: Literal[1, 3, 5] = Field(5, description="median filter width in pixels; 1: none")


class FlowNetwork(Section):
    """Which FlowNet2 network computes the flow."""

    network: Literal["flownet2", "flownet2_c", "flownet2_s", "flownet2_sd", "flownet2_cs", "flownet2_css"] = (
        Field("flownet2", description="the whole stack (paper), one network, or the first of the stack")
    )


class FlowNet2(FlowNetwork):
    """FlowNet2 (Ilg et al. 2017), or a part of it that was published as a separate network."""

    weights: Path | None = Field(None, description="its published or imported checkpoint")


class Flow(Section):
    """Optical flow of the recognisers' input (TV-L1) and of the training patches."""

    tvl1: TVL1 = Field(default_factory=TVL1, description="parameters of TV-L1")
    flownet2: FlowNet2 = Field(default_factory=FlowNet2, description="FlowNet2's network and weights")
    bound: PositiveFloat = Field(
        20.0, description="flow is clipped to +-bound pixels, then quantised to 8 bits"
    )
