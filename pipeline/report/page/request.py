"""Requests of the report page's stages."""

from __future__ import annotations

from pydantic import Field

from pipeline.config.section import Section
from pipeline.report.request import Aggregate, Columns


class ShowClips(Columns):
    """Choose test clips of a data set, and make the videos and stills that the page shows of them."""

    sources: list[str] = Field(description="lr, hr and the models whose frames are shown, in order")
    flow_sources: list[str] = Field(description="hr and the models whose flow is shown, in order")
    bound: float = Field(description="flow in pixels at the stored level 255")
    clips: int = Field(description="test clips of each data set that can be looked at")
    frames: int = Field(description="most frames of each of these clips, from its first on")


class Training(Section):
    """A training whose curves the page shows."""

    group: str = Field(description="what is trained: SR networks, or the recogniser and data set")
    name: str = Field(description="the network or stream")


class BuildPage(Aggregate):
    """Make the report page."""

    resamples: int = Field(description="bootstrap resamples of clips for each difference")
    seed: int = Field(description="the seed of all stages")
    tables: list[str] = Field(description="tables beside Table 4, in the order of their files")
    trainings: list[Training] = Field(description="trainings, in the order of their weights")
    costs: list[str] = Field(description="SR models whose cost was measured, in the order of their files")
