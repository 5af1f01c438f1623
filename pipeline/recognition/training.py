"""The stage that trains one stream of a recogniser on HR clips of the training split."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from pipeline import config
from pipeline.data.manifest import Clip, count_classes, read_manifest, select
from pipeline.errors import PipelineError
from pipeline.files import seed_for
from pipeline.recognition import inputs
from pipeline.recognition.backbone import Backbone
from pipeline.recognition.batches import Batch, Batches
from pipeline.recognition.models import backbones_of, build_backbones, join, load_trained, save_model
from pipeline.recognition.reading import ClipReader
from pipeline.recognition.request import TrainRecognizer
from pipeline.recognition.streams import TrainedStream
from pipeline.recognition.weights import load_initial
from pipeline.training.devices import launch, share
from pipeline.training.resume import load_resume, log_folder, resume_path, save_resume
from pipeline.training.torch_settings import autocast, torch_settings
from pipeline.weights.provenance import trained_on

LOG_EVERY = 20

CHECKPOINT_SECONDS = 120.0
"""Time between two states of an unfinished training."""

OpenReader = Callable[[Sequence[Clip]], AbstractContextManager[ClipReader]]


class TrainingError(PipelineError):
    """A training that cannot start; the message names the key or file and what to do."""


def train_recognizer(
    request: TrainRecognizer,
    manifest: Path,
    frames: list[Path],
    flow: list[Path],
    init: list[Path],
    code: str,
    out: Path,
) -> None:
    """Train a stream with SGD (docs/facts.md, section 7) and write its checkpoint to ``out``.

    The stages of a training come one after the other, each with an optimiser of its own. An interrupted
    training goes on from ``resume_path(out)`` to the same weights, if that state is of this very request,
    ``code`` and files. The checkpoint is a dict of ``network``, ``args``, ``state_dict``, ``metadata``, which
    records layout and split of the data set.

    Args:
        request: the stream, its training, data set, compute, seed.
        manifest: the data set's clips.
        frames, flow: HR stores of the training split, all shards; a stream that reads no frames or no flow
            takes none.
        init: trained checkpoints of the streams that it starts from, in order.
        code: a digest of the source.
        out: the checkpoint.

    Raises:
        TrainingError: checkpoints or clips are missing.
        ReadingError: a clip is not in its stores.
    """
    train_stream(partial(open_clips, request, frames, flow), request, manifest, init, code, out)


def open_clips(
    request: TrainRecognizer, frames: list[Path], flow: list[Path], clips: Sequence[Clip]
) -> ClipReader:
    """A reader of ``clips`` from all shards; a stream that reads no frames or no flow opens none."""
    part = request.part
    stores = (frames if part.reads_frames else [], flow if part.reads_flow else [])
    return ClipReader(clips, *stores, request.frame_size, keep=True)


def train_stream(
    open_reader: OpenReader, request: TrainRecognizer, manifest: Path, init: list[Path], code: str, out: Path
) -> None:
    """``train_recognizer`` with frames and flow of the training clips from ``open_reader(clips)``.

    With several devices each process opens its own: ``open_reader`` can be pickled.
    """
    launch(request.compute, _train_stream, open_reader, request, manifest, init, code, out)


def _train_stream(
    fabric: Fabric,
    open_reader: OpenReader,
    request: TrainRecognizer,
    manifest: Path,
    init: list[Path],
    code: str,
    out: Path,
) -> None:
    """``train_stream`` in one process; only the first of several shows and writes."""
    part, dataset, seed = request.part, request.dataset, request.seed
    everything = read_manifest(manifest)
    clips, classes = select(everything, "train"), count_classes(everything)
    if not clips:
        raise TrainingError(f"{manifest} lists no training clips of {dataset}")
    names = (dataset, part.protocol, part.network, part.stream)
    with torch_settings(request.compute) as device:
        torch.manual_seed(seed_for(seed, *names, "weights"))
        network = _start(part, classes, init)
        network = network.to(device, memory_format=torch.channels_last)
        with open_reader(clips) as reader:
            stages = []
            for number, stage in enumerate(part.stages):
                own = (*names, f"stage{number + 1}") if number else names
                seen = share(fabric, stage.batch_size)
                stages.append(Batches(part, stage, clips, reader, seed, own, seen))
            key = _key(request, classes, clips, init, code)
            _train(fabric, network, stages, request.compute, out, device, key)
    if not fabric.is_global_zero:
        return
    metadata = {
        "protocol": part.protocol,
        "stream": part.stream,
        "dataset": dataset,
        "classes": classes,
        "clips": len(clips),
        "iterations": sum(stage.iterations for stage in part.stages),
        "seed": seed,
        "trained_on": trained_on(request.layout, request.split),
    }
    save_model(out, network, part, metadata)
    resume_path(out).unlink(missing_ok=True)


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


def _key(request: TrainRecognizer, classes: int, clips: list[Clip], init: list[Path], code: str) -> str:
    """What must be equal for a training to go on where another stopped."""
    content = [request.text(), code, classes]
    content.append([[clip.id, clip.label, clip.frames, clip.content] for clip in clips])
    content.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in init])
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def workers(compute: config.Compute) -> int:
    """Processes that make batches ahead: a GPU waits for one, and on the CPU they would take its cores."""
    return compute.threads if compute.device == "cuda" else 0


def make_optimizer(network: nn.Module, training: config.StreamTraining) -> torch.optim.SGD:
    """SGD with TSN's multipliers: biases learn twice as fast, biases and BN do not decay.

    The first convolution of every backbone learns ``first_conv_rate`` times as fast, the gains of BN
    ``norm_rate`` times.
    """
    backbones = [module for module in network.modules() if isinstance(module, Backbone)]
    first_convs = [backbone.get_submodule(backbone.first_conv) for backbone in backbones]
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if not parameter.requires_grad:
                continue
            is_norm = isinstance(module, nn.BatchNorm2d)
            is_bias = name == "bias" and not is_norm
            rate = 2.0 if is_bias else training.norm_rate if is_norm and name == "weight" else 1.0
            if any(module is first for first in first_convs):
                rate *= training.first_conv_rate
            decay = 0.0 if is_bias or is_norm else training.weight_decay
            groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.SGD(
        [{"params": of, "rate": rate, "weight_decay": decay} for (rate, decay), of in groups.items()],
        lr=training.lr,
        momentum=training.momentum,
    )


def train_mode(network: nn.Module, partial_bn: bool) -> None:
    """Training mode; with ``partial_bn`` all batch normalisations but each backbone's first are frozen."""
    network.train()
    if not partial_bn:
        return
    for backbone in (module for module in network.modules() if isinstance(module, Backbone)):
        norms = [module for module in backbone.modules() if isinstance(module, nn.BatchNorm2d)]
        for norm in norms[1:]:
            norm.eval().requires_grad_(False)


def set_norm_momentum(network: nn.Module, share: float, number: int, count: int) -> None:
    """Prepare BN for piece ``number`` of ``count``, from 1, of a step that moves statistics by ``share``.

    After the last piece the running statistics are (1 - share) times the old ones plus share times the mean
    of the pieces' own, as in MatConvNet.
    """
    each = share / count
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = each / (1 - share + number * each)


class _Step(nn.Module):
    """From a batch to the loss and the scores, in one call: what devices share is in here."""

    def __init__(self, network: nn.Module, stream: TrainedStream, compute: config.Compute) -> None:
        super().__init__()
        self.network, self.stream, self.compute = network, stream, compute
        self.normalised = [
            partial(inputs.normalise, normalisation=backbone.normalisation, flow=flow)
            for backbone, flow in zip(backbones_of(network), stream.flows, strict=True)
        ]

    def forward(self, raw: list[torch.Tensor], labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        tensors = [normalised(part) for normalised, part in zip(self.normalised, raw, strict=True)]
        with autocast(self.compute):
            loss, scores = self.stream.loss(self.network, tensors, labels)
        return loss, scores.detach()


def _step(
    fabric: Fabric,
    forward: nn.Module,
    optimizer: torch.optim.SGD,
    training: config.StreamTraining,
    pieces: Iterator[Batch],
    count: int,
    step: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Step ``step`` of a stage, from 0, on the ``count`` pieces of its batch.

    Returns the loss, and the share of clips that were right before the step.
    """
    drops = sum(milestone <= step for milestone in training.milestones)
    for group in optimizer.param_groups:
        group["lr"] = training.lr * group["rate"] * training.gamma**drops
    optimizer.zero_grad(set_to_none=True)
    losses, hits = [], []
    for number in range(1, count + 1):
        raw, labels = next(pieces)
        if training.norm_momentum is not None:
            set_norm_momentum(forward, training.norm_momentum, number, count)
        # Devices average their gradients once, when all pieces have added theirs.
        with fabric.no_backward_sync(forward, enabled=number < count):
            loss, scores = forward(raw, labels)
            fabric.backward(loss / count)
        losses.append(loss.detach())
        hits.append((scores.argmax(1) == labels).float().mean())
    if training.clip_gradient:
        nn.utils.clip_grad_norm_(forward.parameters(), training.clip_gradient)
    optimizer.step()
    return torch.stack(losses).mean(), torch.stack(hits).mean()


def _train(
    fabric: Fabric,
    network: nn.Module,
    stages: list[Batches],
    compute: config.Compute,
    out: Path,
    device: torch.device,
    key: str,
) -> None:
    """Train the stages one after the other; the steps of all of them are counted through.

    With several devices losses and accuracies are shown for the first one's part of the batches.
    """
    shown = fabric.is_global_zero
    resume = resume_path(out)
    state = load_resume(resume, key)
    done = 0 if state is None else state["step"]
    if state is not None:
        network.load_state_dict(state["network"])
    total = sum(batches.stage.iterations for batches in stages)
    saved, first, losses, hits = time.monotonic(), 0, [], []
    with (
        SummaryWriter(str(log_folder(out)), purge_step=done) if shown else nullcontext() as log,
        tqdm(
            initial=done, total=total, desc=stages[0].stream.stream, mininterval=2.0, disable=not shown
        ) as progress,
    ):
        for number_of_stage, batches in enumerate(stages):
            stream, training = batches.stream, batches.stage
            last = first + training.iterations
            if done < last:
                stream.enter(network, number_of_stage, training)
                train_mode(network, training.partial_bn)
                optimizer = make_optimizer(network, training)
                # After train_mode: devices average the gradients of what it left to be trained.
                step = _Step(network, stream, compute)
                forward = fabric.setup_module(step, move_to_device=False)
                steps = range(done - first, training.iterations)
                pieces = batches.of_steps(steps, device, workers(compute))
                if done > first:  # in the middle of this stage; at its start it has a new optimiser
                    optimizer.load_state_dict(state["optimizer"])
            while done < last:
                number = done - first
                # Dropout depends on the step alone, so a resumed training draws the same masks.
                torch.manual_seed(batches.step_seed(number))
                loss, hit = _step(fabric, forward, optimizer, training, pieces, batches.pieces, number)
                done += 1
                losses.append(loss)
                hits.append(hit)
                progress.update()
                if shown and (done % LOG_EVERY == 0 or done == last):
                    mean_loss, accuracy = torch.stack(losses).mean().item(), torch.stack(hits).mean().item()
                    log.add_scalar("loss", mean_loss, done)
                    log.add_scalar("accuracy/train", accuracy, done)
                    log.add_scalar("learning_rate", optimizer.param_groups[0]["lr"], done)
                    progress.set_postfix(loss=f"{mean_loss:.3f}", accuracy=f"{accuracy:.2f}", refresh=False)
                    losses, hits = [], []
                if shown and time.monotonic() - saved >= CHECKPOINT_SECONDS and done < total:
                    content = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
                    save_resume(resume, {"step": done, **content}, key)
                    saved = time.monotonic()
            first = last
