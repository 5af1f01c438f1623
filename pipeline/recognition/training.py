"""The stage that trains one stream of a recogniser on clips of the training split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricModule
from torch import Tensor, nn

from pipeline.config.compute import Compute
from pipeline.config.trained_on import HR
from pipeline.data.manifest import Clip, count_classes, read_manifest, select
from pipeline.files import seed_for
from pipeline.recognition import inputs
from pipeline.recognition.batches import Batch, Batches
from pipeline.recognition.mixtures import MixedReader, low_clips
from pipeline.recognition.models import (
    backbones_of,
    build_backbones,
    join,
    load_trained,
    memory_format,
    save_model,
)
from pipeline.recognition.optimisation import (
    make_optimiser,
    own_norm_momentum,
    set_norm_momentum,
    train_mode,
)
from pipeline.recognition.reading import ClipReader, Reader
from pipeline.recognition.request import TrainRecognizer
from pipeline.recognition.streams import TrainedStream
from pipeline.recognition.weights import load_initial
from pipeline.training.descent import Descent
from pipeline.training.devices import launch, share
from pipeline.training.log import TrainingError, TrainingLog, log_folder
from pipeline.training.resume import Part, TrainingState, run_key
from pipeline.training.torch_settings import autocast, torch_settings
from pipeline.weights.provenance import DATASETS, trained_on

CHECKPOINT_SECONDS = 120.0
"""Time between two states of an unfinished training."""


def train_recognizer(
    request: TrainRecognizer,
    manifest: Path,
    frames: list[Path],
    flow: list[Path],
    init: list[Path],
    code: str,
    out: Path,
    low_frames: list[Path] | None = None,
    low_flow: list[Path] | None = None,
) -> None:
    """Train a stream with SGD (docs/facts.md, section 7) and write its checkpoint to ``out``.

    The stages of a training come one after the other, each with an optimiser of its own. An interrupted
    training goes on from its state (``TrainingState``) to the same weights, if that is of this very request,
    ``code`` and files. The checkpoint is a dict of ``network``, ``args``, ``state_dict``, ``metadata``, which
    records layout and split of the data set.

    Args:
        request: the stream, its training, data set, compute, seed.
        manifest: the data set's clips.
        frames, flow: stores of the training split, all shards, of HR or of what an SR network made; a stream
            that reads no frames or no flow takes none.
        init: trained checkpoints of the streams that it starts from, in order.
        code: a digest of the source.
        out: the checkpoint.
        low_frames, low_flow: stores of the enlarged LR clips, for a mixture. A clip is entirely HR or
            entirely LR, in frames and flow; everything else, including random numbers, is the same for all
            ratios (section 4.3, where sequences are mixed).

    Raises:
        TrainingError: checkpoints or clips are missing, or a loss is not finite.
        ReadingError: a clip is not in its stores.
    """
    stores = Stores(frames, flow, low_frames or [], low_flow or [])
    launch(request.compute, _train_stream, _Run(stores, request, manifest, init, code, out))


@dataclass
class Stores:
    """Stores of the training clips, all shards, and those of the LR clips of a mixture."""

    frames: list[Path]
    flow: list[Path]
    low_frames: list[Path]
    low_flow: list[Path]

    @contextmanager
    def open(self, request: TrainRecognizer, clips: Sequence[Clip]) -> Iterator[Reader]:
        """A reader of ``clips``; a stream that reads no frames or no flow opens none.

        With several devices each process opens its own.
        """
        part = request.part

        def opened(frames: list[Path], flow: list[Path]) -> ClipReader:
            stores = (frames if part.reads_frames else [], flow if part.reads_flow else [])
            return ClipReader(clips, *stores, request.frame_size, keep=True)

        with opened(self.frames, self.flow) as reader:
            if not request.ratio:
                yield reader
                return
            with opened(self.low_frames, self.low_flow) as low:
                yield MixedReader(reader, low, low_clips(clips, request.ratio, request.seed))

    def marks(self, request: TrainRecognizer) -> list[list[str | int]]:
        """Sizes and times of stores that SR networks made, whose clips the manifest does not identify."""
        made = [] if request.trained_on == [HR, HR] else [*self.frames, *self.flow]
        made += [*self.low_frames, *self.low_flow] if request.ratio else []
        return [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in made]


@dataclass  # not frozen: Fabric looks for tensors in all that it hands to processes
class _Run:
    """What ``train_recognizer`` is given."""

    stores: Stores
    request: TrainRecognizer
    manifest: Path
    init: list[Path]
    code: str
    out: Path


def _train_stream(fabric: Fabric, run: _Run) -> None:
    """``train_recognizer`` in one process; only the first of several shows and writes."""
    request, part = run.request, run.request.part
    everything = read_manifest(run.manifest)
    clips, classes = select(everything, "train"), count_classes(everything)
    if not clips:
        raise TrainingError(f"{run.manifest} lists no training clips of {request.dataset}")
    names = (request.dataset, part.protocol, part.network, part.stream)
    content = [[clip.id, clip.label, clip.frames, clip.content] for clip in clips]
    key = run_key(request, run.code, run.init, classes, content, run.stores.marks(request))
    iterations = sum(stage.iterations for stage in part.stages)
    with torch_settings(request.compute) as device:
        torch.manual_seed(seed_for(request.seed, *names, "weights"))
        network = _start(part, classes, run.init)
        # torch's stubs leave the argument out.
        network = network.to(device, memory_format=memory_format(network))  # type: ignore[call-overload]
        state = TrainingState(run.out, key, iterations, seconds=CHECKPOINT_SECONDS)
        name = f"train_recognizer {request.dataset} {part.protocol} {part.stream}"
        section, first = f"the recogniser's section {part.stream}", fabric.is_global_zero
        # Before the first step, so that no stage is found to be impossible after another one's hours.
        parts = [share(fabric, stage.batch_size) for stage in part.stages]
        with (
            run.stores.open(request, clips) as reader,
            TrainingLog(name, section, log_folder(run.out), iterations, state.step, shown=first) as log,
        ):
            log.say(f"{len(clips)} training clips of {classes} classes, from step {state.step}")
            begin = 0
            for number, (stage, seen) in enumerate(zip(part.stages, parts, strict=True)):
                # Stages that are done as well: what they made of the network, later ones go on from.
                part.enter(network, number, stage)
                end = begin + stage.iterations
                if begin < state.step <= end:
                    state.restore({"network": network})
                if state.step < end:
                    own = (*names, f"stage{number + 1}") if number else names
                    batches = Batches(part, stage, clips, reader, request.seed, own, seen)
                    with own_norm_momentum(network):
                        _train_stage(fabric, network, batches, request.compute, device, state, log, begin)
                begin = end
    if not first:
        return
    metadata = {
        "protocol": part.protocol,
        "stream": part.stream,
        "dataset": request.dataset,
        "classes": classes,
        "clips": len(clips),
        "iterations": iterations,
        "seed": request.seed,
        # Official splits are those of these data sets alone.
        "trained_on": trained_on(request.layout, request.split) if request.layout in DATASETS else None,
    }
    save_model(run.out, network, part, metadata)
    state.remove()


def _start(part: TrainedStream, classes: int, init: list[Path]) -> nn.Module:
    """A new network, from ImageNet weights if there are any, or one of trained streams."""
    if len(init) != len(part.starts_from):
        raise TrainingError(
            f"{part.protocol}'s {part.stream} starts from {len(part.starts_from)} trained streams "
            f"({', '.join(part.starts_from)}); found {len(init)} checkpoints in init"
        )
    dropout = part.stages[0].dropout
    backbones = build_backbones(part, classes, dropout)
    for backbone, path, stream in zip(backbones, init, part.starts_from, strict=False):
        load_trained(backbone, path, part, stream, classes)
    if part.initial_weights and not init:
        for backbone in backbones:
            load_initial(backbone, part.initial_weights)
    return join(part, backbones)


def workers(compute: Compute) -> int:
    """Processes that make batches: a GPU would idle without; on the CPU they would compete for its cores."""
    return compute.threads if compute.device == "cuda" else 0


class _Step(nn.Module):
    """From a batch to the loss and the scores, in one call: what devices share is in here."""

    def __init__(self, network: nn.Module, stream: TrainedStream, compute: Compute) -> None:
        super().__init__()
        self.network, self.stream, self.compute = network, stream, compute
        self.normalised = [
            partial(inputs.normalise, normalisation=backbone.normalisation, flow=flow)
            for backbone, flow in zip(backbones_of(network), stream.flows, strict=True)
        ]

    def forward(self, raw: list[Tensor], labels: Tensor) -> tuple[Tensor, Tensor]:
        tensors = [normalised(part) for normalised, part in zip(self.normalised, raw, strict=True)]
        with autocast(self.compute):
            loss, scores = self.stream.loss(self.network, tensors, labels)
        return loss, scores.detach()


def _step(
    fabric: Fabric,
    forward: _FabricModule,
    descent: Descent,
    pieces: Iterator[Batch],
    count: int,
    norm_momentum: float | None,
) -> tuple[Tensor, Tensor]:
    """One step on the next ``count`` pieces, which are a batch.

    Returns the loss, and the share of clips that were right before the step.
    """
    descent.zero_grad()
    losses, hits = [], []
    for number in range(1, count + 1):
        raw, labels = next(pieces)
        if norm_momentum is not None:
            set_norm_momentum(forward, norm_momentum, number, count)
        # Devices average their gradients once, when all pieces have added theirs.
        with fabric.no_backward_sync(forward, enabled=number < count):
            loss, scores = forward(raw, labels)
            fabric.backward(loss / count)
        losses.append(loss.detach())
        hits.append((scores.argmax(1) == labels).float().mean())
    descent.step()
    return torch.stack(losses).mean(), torch.stack(hits).mean()


def _train_stage(
    fabric: Fabric,
    network: nn.Module,
    batches: Batches,
    compute: Compute,
    device: torch.device,
    state: TrainingState,
    log: TrainingLog,
    begin: int,
) -> None:
    """Train one stage, or what is left of it; ``begin`` steps are those of the stages before."""
    training, done = batches.stage, max(state.step - begin, 0)
    train_mode(network, training.partial_bn)
    optimiser = make_optimiser(network, training)
    descent = Descent(network, optimiser, training.milestones, training.gamma, training.clip_gradient)
    if done:  # in the middle of this stage; at its start it has a new optimiser
        state.restore({"descent": descent})
    # After train_mode: devices average the gradients of what it left to be trained.
    step_module = _Step(network, batches.stream, compute)
    forward = fabric.setup_module(step_module, move_to_device=False)
    steps = range(done, training.iterations)
    parts: dict[str, Part] = {"network": network, "descent": descent}
    pieces = batches.of_steps(steps, device, workers(compute))
    for step in steps:
        # Dropout depends on the step alone, so a resumed training draws the same masks.
        torch.manual_seed(batches.step_seed(step))
        loss, hit = _step(fabric, forward, descent, pieces, batches.pieces, training.norm_momentum)
        log.step(begin + step + 1, descent.rate, {"total": loss}, {"accuracy/train": hit})
        if fabric.is_global_zero:
            state.keep(begin + step + 1, parts, log)
    log.write(begin + training.iterations)  # no mean is over two stages
