"""Recognisers: the base class of all protocols, which are files in recognition/protocols."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeVar

from pydantic import Field, model_validator

from pipeline.config.report import Column, ColumnPart
from pipeline.config.section import Name, Pair, PositiveInt, Section, Stream
from pipeline.config.stream_training import DatasetTraining
from pipeline.config.trained_on import HR, TrainedOn
from pipeline.errors import PipelineError
from pipeline.plugins import named
from pipeline.weights.location import in_folder

if TYPE_CHECKING:
    from pipeline.recognition.streams import (
        PlannedStream,
        ScoredStream,
        StreamPart,
        StreamParts,
        TrainedStream,
    )

P = TypeVar("P", bound="StreamPart")


class StreamError(PipelineError, ValueError):
    """A protocol does not have a stream, or the stream's training is not given."""


class BackboneKeys(Section):
    """The network of a stream."""

    network: str = Field(description="backbone, a file in recognition/networks or package.module:Class")
    args: dict[str, Any] = Field(default_factory=dict, description="the backbone's arguments")


class InputKeys(Section):
    """The network's input."""

    crop: PositiveInt = Field(224, description="side of the network's input in pixels")


class StartKeys(Section):
    """Initial weights of a training."""

    initial_weights: str | None = Field(
        None,
        description="ImageNet weights from which training starts: a path, or PACKAGE:FILE for a file of an "
        "installed package (`package:folder/file.pth`)",
    )


class Protocol(StartKeys, InputKeys, BackboneKeys):
    """Base of all protocols: a recogniser's section, which defines its streams and their fusion.

    A protocol has one key per stream, with the stream's name: the stream's training, or null.

    Attributes:
        streams: by name, the parts of a stream for planning, scoring and training
            (pipeline.recognition.streams); streams from which others start come first.
    """

    HOME: ClassVar[str] = "pipeline.recognition.protocols"
    streams: ClassVar[dict[str, StreamParts]] = {}

    protocol: str = Field(description="protocol: a file in recognition/protocols, or package.module:Class")
    label: str = Field("", description="name in tables; empty: its key")
    trained_on: TrainedOn = Field(
        HR,
        description="training clips: hr; lr, as enlarged by the row report.baseline; a row of methods (its "
        "frames for the spatial stream, its flow for the temporal); or {mixture: RATIO of LR}",
    )
    weights: dict[Name, Path | dict[Name, Path]] = Field(
        default_factory=dict,
        description="published or imported weights, by stream: a file, or a folder with "
        "model.safetensors; or one for each data set",
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        super().__pydantic_init_subclass__(**options)
        for stream, parts in cls.streams.items():
            read = {name for part in parts for name in part.model_fields} - {"stream", "training"}
            if missing := sorted((read | {stream}) - cls.model_fields.keys()):
                keys = ", ".join(missing)
                raise StreamError(
                    f"{cls.__name__} has no {keys}, which its stream {stream} reads; add the keys"
                )

    @model_validator(mode="after")
    def _check_weights(self) -> Self:
        for stream in self.weights:
            self._parts(stream)
        return self

    def weights_for(self, stream: str, dataset: str) -> Path | None:
        """The published weights of a stream for a data set; None if the stream is trained here."""
        given = self.weights.get(stream)
        path = given.get(dataset) if isinstance(given, dict) else given
        return path and in_folder(path)

    def training_of(self, stream: str) -> DatasetTraining | None:
        """The section of a stream's training; None for a stream with published weights."""
        training: DatasetTraining | None = getattr(self, stream)
        return training

    def planned(self, stream: str) -> PlannedStream:
        """The part of a stream that plans frames. Raises StreamError."""
        return self._of(self._parts(stream).planned, stream)

    def scored(self, stream: str) -> ScoredStream:
        """The part of a stream that is scored. Raises StreamError."""
        return self._of(self._parts(stream).scored, stream)

    def trained(self, stream: str, dataset: str) -> TrainedStream:
        """The part of a stream that is trained on a data set. Raises StreamError."""
        part, training = self._parts(stream).trained, self.training_of(stream)
        if training is None:
            raise StreamError(f"{self.protocol}: no key {stream}; give the stream's training, or its weights")
        return self._of(part, stream, training=training.for_dataset(dataset))

    def fused(self) -> Column | None:
        """The column that fuses the streams; None if there is only one stream."""
        return None

    def columns(self) -> list[Column]:
        """Columns of the tables: the streams that see only frames or only flow, then their fusion."""
        alone = [
            Column(name=stream, parts=[self.part(stream)])
            for stream in self.streams
            if self.part(stream).row is not None
        ]
        fused = self.fused()
        return alone + ([fused] if fused else [])

    def part(self, stream: str, weight: float = 1.0) -> ColumnPart:
        """A stream's part of a column. Pairings take frames from the spatial row, flow from the temporal."""
        scored = self._parts(stream).scored
        row: Stream | None = "temporal" if scored.reads_flow else "spatial"
        row = None if scored.reads_frames and scored.reads_flow else row
        return ColumnPart(stream=stream, weight=weight, row=row)

    def _parts(self, stream: str) -> StreamParts:
        if stream not in self.streams:
            raise StreamError(f"{self.protocol} has no stream {stream}, only {', '.join(self.streams)}")
        return self.streams[stream]

    def _of(self, part: type[P], stream: str, **values: Any) -> P:
        values["stream"] = stream
        return part(
            **{name: values[name] if name in values else getattr(self, name) for name in part.model_fields}
        )


Recognizer = Annotated[Protocol, *named(Protocol, "protocol")]


class Recognition(Section):
    """The recognisers, which are trained on clips of the training split only."""

    frame_size: Pair = Field(
        [340, 256],
        description="width and height to which frames are resized before flow and recognition",
    )
    recognizers: dict[Name, Recognizer] = Field(description="recognisers by name")
