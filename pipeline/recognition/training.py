"""The stage that trains one stream, or ST-ResNet's joint network, on HR clips of the training split."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import nn
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from pipeline import config
from pipeline.checkpoint import load_resume, log_folder, resume_path, save_resume
from pipeline.data.manifest import Clip, count_classes, read_manifest, select
from pipeline.engine import launch, share
from pipeline.errors import PipelineError
from pipeline.files import seed_for
from pipeline.recognition import inputs
from pipeline.recognition.batches import Batch, Batches
from pipeline.recognition.models import build_backbone, join_streams, load_model, save_model
from pipeline.recognition.networks.backbone import Backbone
from pipeline.recognition.reading import ClipReader
from pipeline.recognition.weights import load_initial
from pipeline.torch_settings import autocast, torch_settings
from pipeline.weights.provenance import trained_on

LOG_EVERY = 20


class TrainingError(PipelineError):
    """A training that cannot start; the message names the key or file and what to do."""


@dataclass  # not frozen: Fabric looks for tensors in all that it hands to processes
class Run:
    """One training: what ``train_recognizer`` is given, but for its stores."""

    spec: config.TSN | config.STResNet
    stream: Literal["spatial", "temporal", "joint"]
    dataset: str
    manifest: Path
    init: list[Path]
    frame_size: list[int]
    compute: config.Compute
    seed: int
    code: str
    out: Path
    checkpoint_seconds: float = 120.0
    layout: str | None = None
    split: int | None = None


def train_recognizer(
    spec: config.TSN | config.STResNet,
    stream: Literal["spatial", "temporal", "joint"],
    dataset: str,
    manifest: Path,
    frames: list[Path],
    flow: list[Path],
    init: list[Path],
    frame_size: list[int],
    compute: config.Compute,
    seed: int,
    code: str,
    out: Path,
    checkpoint_seconds: float = 120.0,
    layout: str | None = None,
    split: int | None = None,
) -> None:
    """Train ``stream`` of ``spec`` with SGD (docs/facts.md, section 7) and write its checkpoint to ``out``.

    ``frames`` and ``flow`` are the HR stores of the training split, all shards; a stream that reads no
    frames or no flow takes none. ``init`` holds the trained spatial and temporal checkpoints, in this order,
    that a joint network starts from; its two stages are trained here one after the other, each with an
    optimiser of its own. An interrupted training goes on from ``resume_path(out)`` to the same
    weights, if that state is of this very run and ``code``, a digest of the source. The checkpoint is a
    dict of ``network``, ``args``, ``state_dict``, ``metadata``, which records ``layout`` and ``split`` of the
    data set.

    Raises TrainingError for missing sections, checkpoints or clips.
    """
    open_reader = partial(open_clips, stream, frames, flow, frame_size)
    about = (spec, stream, dataset, manifest, init, frame_size, compute, seed, code, out)
    train_stream(open_reader, Run(*about, checkpoint_seconds, layout, split))


def open_clips(
    stream: str, frames: list[Path], flow: list[Path], frame_size: list[int], clips: Sequence[Clip]
) -> ClipReader:
    """A reader of ``clips`` from all shards; a stream that reads no frames or no flow opens none."""
    stores = (frames if stream != "temporal" else [], flow if stream != "spatial" else [])
    return ClipReader(clips, *stores, frame_size, keep=True)


def train_stream(
    open_reader: Callable[[Sequence[Clip]], AbstractContextManager[ClipReader]], run: Run
) -> None:
    """``train_recognizer`` with frames and flow of the training clips from ``open_reader(clips)``.

    With several devices each process opens its own: ``open_reader`` can be pickled.
    """
    launch(run.compute, _train_stream, open_reader, run)


def _train_stream(
    fabric: Fabric,
    open_reader: Callable[[Sequence[Clip]], AbstractContextManager[ClipReader]],
    run: Run,
) -> None:
    """``train_stream`` in one process; only the first of several shows and writes."""
    spec, stream = run.spec, run.stream
    trainings = _trainings(spec, stream, run.dataset)
    everything = read_manifest(run.manifest)
    clips, classes = select(everything, "train"), count_classes(everything)
    if not clips:
        raise TrainingError(f"{run.manifest} lists no training clips of {run.dataset}")
    names = (run.dataset, spec.protocol, spec.network, stream)
    with torch_settings(run.compute) as device:
        torch.manual_seed(seed_for(run.seed, *names, "weights"))
        network = _start(spec, stream, classes, trainings[0].dropout, run.init)
        network = network.to(device, memory_format=torch.channels_last)
        with open_reader(clips) as reader:
            common = (spec, stream, clips, reader)
            stages = []
            for number, training in enumerate(trainings):
                own = (*names, f"stage{number + 1}") if number else names
                joint = training if stream == "joint" else None
                size, micro = training.batch_size, training.micro_batch
                same_place = getattr(training, "same_place", False)
                batches = Batches(*common, size, run.seed, own, joint, share(fabric, size), micro, same_place)
                stages.append((training, batches))
            _train(fabric, network, stages, run, device, _key(run, classes, clips))
    if not fabric.is_global_zero:
        return
    metadata = {
        "protocol": spec.protocol,
        "stream": stream,
        "dataset": run.dataset,
        "classes": classes,
        "clips": len(clips),
        "iterations": sum(training.iterations for training in trainings),
        "seed": run.seed,
        "trained_on": trained_on(run.layout, run.split),
    }
    save_model(run.out, network, spec, metadata)
    resume_path(run.out).unlink(missing_ok=True)


def _trainings(spec: config.TSN | config.STResNet, stream: str, dataset: str) -> list[config.StreamTraining]:
    """What ``dataset`` is trained with: one section, or one for each stage of a joint network."""
    section = getattr(spec, stream, None)
    if section is None:
        raise TrainingError(f"'{spec.label}' has no section {stream}; give its training, or weights")
    training = section.for_dataset(dataset)
    return training.stages if stream == "joint" else [training]


def _start(
    spec: config.TSN | config.STResNet, stream: str, classes: int, dropout: float, init: list[Path]
) -> nn.Module:
    if stream != "joint":
        network = build_backbone(spec, stream, classes, dropout)
        if spec.initial_weights:
            load_initial(network, spec.initial_weights)
        return network
    if len(init) != 2:
        raise TrainingError(
            f"the joint network of '{spec.label}' starts from its trained spatial and temporal streams; "
            f"found {len(init)} checkpoints in init"
        )
    names = ("spatial", "temporal")
    streams = [load_model(path, spec, name, classes) for path, name in zip(init, names, strict=True)]
    for backbone in streams:
        backbone.dropout = nn.Dropout(dropout)
    return join_streams(spec, *streams)


def _key(run: Run, classes: int, clips: list[Clip]) -> str:
    """What must be equal for a training to go on where another stopped."""
    content = [
        run.spec.model_dump(mode="json"),
        run.stream,
        run.dataset,
        classes,
        run.frame_size,
        run.seed,
        run.compute.model_dump(mode="json"),
        run.code,
    ]
    content.append([[clip.id, clip.label, clip.frames, clip.content] for clip in clips])
    content.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in run.init])
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


def loss_and_scores(
    network: nn.Module, tensors: list[torch.Tensor], labels: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy and scores (B, classes) of a batch (``Batches.__getitem__``).

    A stream's scores are averaged over its snippets before the softmax (TSN's segment consensus). Both
    classifiers of the joint network have a softmax at every time step; their losses are summed over steps and
    divided by the clips alone (authors' Loss.m and cnn_train_dag.m).
    """
    if len(tensors) == 2:
        appearance, motion = (scores.float() for scores in network.step_scores(*tensors))
        repeated = labels.repeat_interleave(appearance.shape[1])
        total = sum(
            F.cross_entropy(scores.flatten(0, 1), repeated, reduction="sum")
            for scores in (appearance, motion)
        )
        return total / len(labels), (appearance.mean(1) + motion.mean(1)) / 2
    (snippets,) = tensors  # (B, S, C, h, w)
    scores = network(snippets.flatten(0, 1)).float().unflatten(0, snippets.shape[:2]).mean(1)
    return F.cross_entropy(scores, labels), scores


def _enter(network: nn.Module, number: int, training: config.StreamTraining) -> None:
    """Prepare ``network`` for its stage ``number``, from 0; only a joint network has several."""
    if hasattr(network, "temporal_pool"):
        network.temporal_pool = number > 0
        for backbone in (network.appearance, network.motion):
            backbone.dropout = nn.Dropout(training.dropout)
    train_mode(network, training.partial_bn)


class _Step(nn.Module):
    """From a batch to the loss and the scores, in one call: what devices share is in here."""

    def __init__(self, network: nn.Module, stream: str, compute: config.Compute) -> None:
        super().__init__()
        self.network, self.compute = network, compute
        if stream == "joint":
            seen = [(network.appearance, False), (network.motion, True)]
        else:
            seen = [(network, stream == "temporal")]
        self.normalised = [
            partial(inputs.normalise, normalisation=backbone.normalisation, flow=flow)
            for backbone, flow in seen
        ]

    def forward(self, raw: list[torch.Tensor], labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        tensors = [normalised(part) for normalised, part in zip(self.normalised, raw, strict=True)]
        with autocast(self.compute):
            loss, scores = loss_and_scores(self.network, tensors, labels)
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
    stages: list[tuple[config.StreamTraining, Batches]],
    run: Run,
    device: torch.device,
    key: str,
) -> None:
    """Train the stages one after the other; the steps of all of them are counted through.

    With several devices losses and accuracies are shown for the first one's part of the batches.
    """
    shown = fabric.is_global_zero
    resume = resume_path(run.out)
    state = load_resume(resume, key)
    done = 0 if state is None else state["step"]
    if state is not None:
        network.load_state_dict(state["network"])
    total = sum(training.iterations for training, _ in stages)
    saved, first, losses, hits = time.monotonic(), 0, [], []
    with (
        SummaryWriter(str(log_folder(run.out)), purge_step=done) if shown else nullcontext() as log,
        tqdm(
            initial=done, total=total, desc=stages[0][1].stream, mininterval=2.0, disable=not shown
        ) as progress,
    ):
        for stage, (training, batches) in enumerate(stages):
            last = first + training.iterations
            if done < last:
                _enter(network, stage, training)
                optimizer = make_optimizer(network, training)
                # After _enter: devices average the gradients of what it left to be trained.
                step = _Step(network, batches.stream, run.compute)
                forward = fabric.setup_module(step, move_to_device=False)
                steps = range(done - first, training.iterations)
                pieces = batches.of_steps(steps, device, workers(run.compute))
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
                if shown and time.monotonic() - saved >= run.checkpoint_seconds and done < total:
                    content = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
                    save_resume(resume, {"step": done, **content}, key)
                    saved = time.monotonic()
            first = last
