"""Base classes of the three parts of a stream: the contract between protocols and stages.

A protocol (pipeline.config.recognition) has, for each stream, a part that plans frames, a part that is scored
and a part that is trained. Each part is a section with the keys that its stage reads, and is contained in the
request of that stage. Keys that several parts and the protocol's section have are inherited.

Frames and flow fields count from 0; field t goes from frame t to t + 1. Torch is loaded only when needed,
because planning a run loads all protocols.
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
    """Frames and flow fields at some places of a clip, in order; empty if a stream does not read them."""

    frames: list[int]
    fields: list[int]


class StreamPart(Section):
    """Base of all parts: the stream, and its input at a place of a clip.

    A place is the index of a frame; for streams that read only flow, the index from which fields are counted.

    Attributes:
        reads_frames, reads_flow: whether the stream reads RGB frames, flow, or both.
    """

    reads_frames: ClassVar[bool] = False
    reads_flow: ClassVar[bool] = False

    protocol: str = Field(description="protocol: a file in recognition/protocols, or package.module:Class")
    stream: str = Field(description="stream of the protocol")

    def fields_at(self, place: int, fields: int) -> list[int]:
        """The flow fields read at a place of a clip with ``fields`` fields; their number is constant."""
        raise NotImplementedError

    @property
    def stack(self) -> int:
        """Number of flow fields read at a place."""
        return len(self.fields_at(0, 1))

    def indices(self, places: Sequence[int], frames: int) -> Indices:
        """What is read at some places of a clip of ``frames`` frames."""
        fields = count_fields(frames)
        return Indices(
            list(places) if self.reads_frames else [],
            [f for place in places for f in self.fields_at(place, fields)] if self.reads_flow else [],
        )


class PlannedStream(StreamPart):
    """Part of a stream for the plan of frames."""

    def places(self, frames: int) -> list[int]:
        """Places read at test of a clip of ``frames`` frames, repeated according to their weight."""
        raise NotImplementedError


class BuiltStream(StreamPart, BackboneKeys):
    """The network of a stream.

    It has one backbone per kind of input: frames first, then flow. Two backbones are joined.

    Attributes:
        joint: network that joins two backbones: a file in recognition/joint_networks, or
            package.module:Class.
    """

    joint: ClassVar[str] = ""

    @property
    def flows(self) -> list[bool]:
        """For each backbone, in order, whether it reads flow."""
        return [False] * self.reads_frames + [True] * self.reads_flow

    @property
    def channels(self) -> list[int]:
        """Input channels of each backbone: 3 colours, or u and v of each field of a stack."""
        return [2 * self.stack if flow else 3 for flow in self.flows]

    @property
    def clip_shape(self) -> tuple[int, int] | None:
        """Frames and side of the clips that its backbone sees; None: it sees images or stacks of flow."""
        return None

    def prepare(self, backbone: Backbone) -> None:
        """Change a new backbone before it is trained or joined."""

    def joint_args(self) -> dict[str, Any]:
        """Arguments of ``joint`` in addition to its backbones."""
        return {}


class ScoredStream(PlannedStream, BuiltStream):
    """Part of a stream for scoring.

    Attributes:
        together: whether the network gets all places of a clip in one pass, (B, T, C, H, W), instead of one
            by one, (B, C, H, W).
    """

    together: ClassVar[bool] = False

    def boxes(self, height: int, width: int) -> list[Box]:
        """Crops at test, whose scores are averaged."""
        raise NotImplementedError

    def cut(self, raw: np.ndarray, box: Box, flow: bool) -> np.ndarray:
        """A crop (n, h, w, c) of raw input (n, H, W, c) at test; by default at its own size."""
        from pipeline.recognition import inputs

        return inputs.cut(raw, box, flow)

    def scores(self, network: nn.Module, tensors: list[Tensor]) -> Tensor:
        """(B, classes) scores before softmax from normalised inputs, one tensor per backbone."""
        scores: Tensor = network(*tensors)
        return scores

    def views(self, width: int, height: int, crop: int) -> float:
        """Views of a test clip per backbone, in units of its square input; for preflight's estimate."""
        raise NotImplementedError


class TrainedStream(BuiltStream, InputKeys, StartKeys):
    """Part of a stream for training.

    Attributes:
        starts_from: trained streams from which it starts, one per backbone; empty: new networks.
    """

    starts_from: ClassVar[tuple[str, ...]] = ()

    training: StreamTraining = Field(description="how it is trained, on one data set")

    @property
    def stages(self) -> list[StreamTraining]:
        """Successive trainings, each with its own optimiser."""
        return [self.training]

    def draw(self, frames: int, stage: StreamTraining, rng: np.random.Generator) -> list[int]:
        """Places of a clip of ``frames`` frames for one step; their number is constant in a stage."""
        raise NotImplementedError

    def count(self, stage: StreamTraining) -> int:
        """Number of places that ``draw`` returns; for preflight's estimate."""
        raise NotImplementedError

    def shared_place(self, stage: StreamTraining, rng: np.random.Generator) -> Place | None:
        """Position of all crops of a micro_batch; None: ``box`` draws one for each clip."""
        return None

    def box(self, height: int, width: int, rng: np.random.Generator, place: Place | None) -> Box:
        """The crop of all frames of a clip in a step, which is then resized to ``crop``."""
        raise NotImplementedError

    def enter(self, network: nn.Module, number: int, stage: StreamTraining) -> None:
        """Change the network at the beginning of stage ``number``, from 0.

        A training that goes on after it was stopped enters the stages that are done as well.
        """

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
    """Type of a request's field: a part of any protocol, found by ``protocol`` and ``stream``."""

    kind: str

    def metadata(self) -> tuple[Any, ...]:
        """Metadata for the field's annotation."""
        any_class = SerializeAsAny()  # type: ignore[type-arg]  # metadata here, no type
        return WrapValidator(self._check), any_class, self

    def sections(self) -> Iterator[tuple[str, type[StreamPart]]]:
        """The parts of the built-in protocols, each with its condition, for ``--help``."""
        for name in names(Protocol):
            for stream, parts in find(Protocol, name).streams.items():
                yield f" (protocol: {name}, stream: {stream})", getattr(parts, self.kind)

    def _check(self, value: Any, handler: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, dict) or not isinstance(value.get("protocol"), str):
            return handler(value)
        protocol = find(Protocol, value["protocol"])
        if value.get("stream") not in protocol.streams:
            raise ValueError(f"stream {value.get('stream')!r} is not among {', '.join(protocol.streams)}")
        part = getattr(protocol.streams[value["stream"]], self.kind)
        if info.mode == "json":
            return part.model_validate_json(json.dumps(value))
        return part.model_validate(value)
