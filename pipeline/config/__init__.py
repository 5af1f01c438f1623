"""The typed configuration: every key with its default, unit and check; one file per stage.

Defaults are the values of the paper or its authors; ``config.yaml`` overrides them for the demo.
Stages do not read the configuration. Each rule passes its stage a request with the values that the stage
reads (pipeline.request), so a change of a key reruns exactly the jobs whose request contains it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from pipeline.config.compute import Compute, Inference
from pipeline.config.data import Dataset, Demo, Shards, TrainingVideos
from pipeline.config.degradation import Chain, Step
from pipeline.config.flow import TVL1, Flow, FlowNet2
from pipeline.config.patches import Patches
from pipeline.config.quality import Quality
from pipeline.config.recognition import Protocol, Recognition, Recognizer
from pipeline.config.report import Method, Methods, Report, Row
from pipeline.config.section import Name, Scale, Section
from pipeline.config.stream_training import DatasetTraining, StreamTraining
from pipeline.config.superres import (
    Architecture,
    FeatureNetwork,
    Loss,
    SRModel,
    SRProgress,
    SRRecipe,
    SRTraining,
    SuperRes,
)
from pipeline.config.tables import Columns, Table, Tables
from pipeline.plugins import named

__all__ = [
    "TVL1",
    "Architecture",
    "Columns",
    "Compute",
    "Config",
    "Dataset",
    "DatasetTraining",
    "Demo",
    "FeatureNetwork",
    "Flow",
    "FlowNet2",
    "Inference",
    "Loss",
    "Method",
    "Patches",
    "Protocol",
    "Quality",
    "Recognition",
    "Recognizer",
    "Report",
    "Row",
    "SRModel",
    "SRProgress",
    "SRRecipe",
    "SRTraining",
    "Scale",
    "Section",
    "Shards",
    "Step",
    "StreamTraining",
    "SuperRes",
    "Table",
    "Tables",
    "TrainingVideos",
]


class Config(Section):
    """The whole configuration."""

    seed: Annotated[int, Field(ge=0)] = Field(0, description="the seed of all stages")
    scale: Scale = Field(
        4,
        description="super-resolution factor of all networks; sizes of frames are cut to multiples of it",
    )
    degradation: Chain = Field(
        ["bicubic"], validate_default=True, description="steps from HR to LR frames, in order"
    )
    degradations: dict[Name, Chain] = Field(
        default_factory=dict,
        description="further degradations by name, which data sets and trainings list",
    )
    output: Path = Field(Path("results"), description="output folder of the run")
    data_root: Path | None = Field(None, description="folder that relative data paths refer to")
    demo: Demo | None = Field(None, description="generated data sets; null: real data")
    training_videos: TrainingVideos = Field(
        default_factory=TrainingVideos, description="videos that SR networks learn from"
    )
    datasets: dict[Name, Annotated[Dataset, *named(Dataset, "layout")]] = Field(
        description="action data sets", min_length=1
    )
    flow: Flow = Field(default_factory=Flow, description="optical flow")
    patches: Patches = Field(default_factory=Patches, description="training patches")
    superres: SuperRes = Field(description="super-resolution")
    recognition: Recognition = Field(description="recognition")
    methods: Methods = Field(description="rows of Table 4, in order")
    quality: Quality = Field(default_factory=Quality, description="quality of super-resolved frames")
    tables: Tables = Field(
        default_factory=dict,
        validate_default=True,
        description="the tables beside Table 4; null removes one",
    )
    report: Report = Field(default_factory=Report, description="tables")
    compute: Compute = Field(default_factory=Compute, description="device, threads, precision")
