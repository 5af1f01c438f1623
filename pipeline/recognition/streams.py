"""What the stages read of one stream of a protocol, and what they ask it: the contract of its three parts.

A protocol (pipeline.config.recognition) has, for each stream, a part that plans frames, a part that is scored
and a part that is trained. Each is a section of its own that holds the keys which its stage reads, and stands
in that stage's request. Keys that several read, and the protocol's own section has as well, are inherited.

Frames and flow fields count from 0; field t goes from frame t to t + 1. Nothing here loads torch before it is
asked: planning a run reads all protocols.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from pydantic import Field, SerializeAsAny, ValidationInfo, WrapValidator

from pipeline.config.recognition import BackboneKeys, InputKeys, Protocol, StartKeys
from pipeline.config.section import Section
from pipeline.config.stream_training import StreamTraining
from pipeline.plugins import find, names
from pipeline.recognition.crops import Box, Place
from pipeline.recognition.sampling import count_fields

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pipeline.recognition.backbone import Backbone


class Indices(NamedTuple):
    """Frames and flow fields of some places of a clip, in order; none of what a stream does not read."""

    frames: list[int]
    fields: list[int]


class StreamPart(Section):
    """Base of all parts: which stream it is, and what it sees at a place of a clip.

    A place is a frame, or for flow alone where the stream counts its fields from.

    Attributes:
        reads_frames, reads_flow: whether the stream sees RGB frames, flow, or both.
    """

    reads_frames: ClassVar[bool] = False
    reads_flow: ClassVar[bool] = False

    protocol: str = Field(description="protocol: a file in recognition/protocols, or package.module:Class")
    stream: str = Field(description="stream of the protocol")

    def fields_at(self, place: int, fields: int) -> list[int]:
        """The flow fields that are seen at a place, of a clip that has ``fields``; always equally many."""
        raise NotImplementedError

    @property
    def stack(self) -> int:
        """Flow fields that are seen at a place."""
        return len(self.fields_at(0, 1))

    def indices(self, places: Sequence[int], frames: int) -> Indices:
        """What is read at some places of a clip of ``frames`` frames."""
        fields = count_fields(frames)
        return Indices(
            list(places) if self.reads_frames else [],
            [f for place in places for f in self.fields_at(place, fields)] if self.reads_flow else [],
        )


class PlannedStream(StreamPart):
    """What the plan of frames reads."""

    def places(self, frames: int) -> list[int]:
        """Places that are seen at test of a clip of ``frames`` frames, each as often as it counts."""
        raise NotImplementedError


class BuiltStream(StreamPart, BackboneKeys):
    """What the network of a stream is made of.

    One backbone for each of what it reads: frames first, then flow. Two of them are joined.

    Attributes:
        joint: what joins two backbones: a file in recognition/joint_networks, or package.module:Class.
    """

    joint: ClassVar[str] = ""

    @property
    def flows(self) -> list[bool]:
        """For each backbone, in order, whether it sees flow."""
        return [False] * self.reads_frames + [True] * self.reads_flow

    @property
    def channels(self) -> list[int]:
        """Channels that each backbone sees: 3 colours, or u and v of each field of a stack."""
        return [2 * self.stack if flow else 3 for flow in self.flows]

    def prepare(self, backbone: Backbone) -> None:
        """Change a new backbone before it is trained or joined."""

    def joint_args(self) -> dict[str, Any]:
        """Arguments of ``joint`` beside its backbones."""
        return {}


class ScoredStream(PlannedStream, BuiltStream):
    """What scoring reads.

    Attributes:
        together: whether the network sees all places of a clip in one pass, (B, T, C, H, W), instead of one
            by one, (B, C, H, W).
    """

    together: ClassVar[bool] = False

    def boxes(self, height: int, width: int) -> list[Box]:
        """Parts of the frame that are seen at test; the mean over them counts."""
        raise NotImplementedError

    def scores(self, network: nn.Module, tensors: list[Tensor]) -> Tensor:
        """(B, classes) scores before softmax of normalised inputs, one tensor for each backbone."""
        scores: Tensor = network(*tensors)
        return scores

    def views(self, width: int, height: int, crop: int) -> float:
        """Views of a test clip that each backbone sees, in units of its square input; for the estimate."""
        raise NotImplementedError


class TrainedStream(BuiltStream, InputKeys, StartKeys):
    """What training reads.

    Attributes:
        starts_from: trained streams that it starts from, one for each backbone; none: new networks.
    """

    starts_from: ClassVar[tuple[str, ...]] = ()

    training: StreamTraining = Field(description="how it is trained, on one data set")

    @property
    def stages(self) -> list[StreamTraining]:
        """Trainings one after the other, each with an optimiser of its own."""
        return [self.training]

    def draw(self, frames: int, stage: StreamTraining, rng: np.random.Generator) -> list[int]:
        """Places that are seen of a clip of ``frames`` frames in a step, always equally many in a stage."""
        raise NotImplementedError

    def count(self, stage: StreamTraining) -> int:
        """How many places ``draw`` gives; for the estimate."""
        raise NotImplementedError

    def shared_place(self, stage: StreamTraining, rng: np.random.Generator) -> Place | None:
        """Where the crops of a micro_batch lie; None: each clip's own, drawn by ``box``."""
        return None

    def box(self, height: int, width: int, rng: np.random.Generator, place: Place | None) -> Box:
        """The part of all frames of a clip that is seen in a step, resized to ``crop`` afterwards."""
        raise NotImplementedError

    def enter(self, network: nn.Module, number: int, stage: StreamTraining) -> None:
        """Change the network at the beginning of stage ``number``, from 0."""

    def loss(self, network: nn.Module, tensors: list[Tensor], labels: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and scores (B, classes) of normalised inputs, (B, S, C, h, w) for each backbone.

        By default cross-entropy of the scores' mean over the places (TSN's segment consensus).
        """
        from torch.nn import functional as F

        (snippets,) = tensors
        scores = network(snippets.flatten(0, 1)).float().unflatten(0, snippets.shape[:2]).mean(1)
        return F.cross_entropy(scores, labels), scores


class StreamParts(NamedTuple):
    """The three parts of a stream."""

    planned: type[PlannedStream]
    scored: type[ScoredStream]
    trained: type[TrainedStream]


class AnyStream(NamedTuple):
    """A request's field holds any protocol's part of a kind, found by ``protocol`` and ``stream``."""

    kind: str

    def metadata(self) -> tuple[Any, ...]:
        """What the field is annotated with."""
        any_class = SerializeAsAny()  # type: ignore[type-arg]  # metadata here, no type
        return WrapValidator(self._check), any_class, self

    def sections(self) -> Iterator[tuple[str, type[StreamPart]]]:
        """The parts of our own protocols, with where each is used, for ``--help``."""
        for name in names(Protocol):
            for stream, parts in find(Protocol, name).streams.items():
                yield f" (protocol: {name}, stream: {stream})", getattr(parts, self.kind)

    def _check(self, value: Any, handler: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, dict) or not isinstance(value.get("protocol"), str):
            return handler(value)
        protocol = find(Protocol, value["protocol"])
        if value.get("stream") not in protocol.streams:
            raise ValueError(f"stream {value.get('stream')!r} is none of {', '.join(protocol.streams)}")
        part = getattr(protocol.streams[value["stream"]], self.kind)
        if info.mode == "json":
            return part.model_validate_json(json.dumps(value))
        return part.model_validate(value)
