"""The stage ``train_sr``: an SR network trained by a recipe, resumable and deterministic."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from pipeline.config.compute import Compute
from pipeline.files import seed_for
from pipeline.superres.batches import Batch, PatchFile, PatchFileError, training_batches
from pipeline.superres.memory_format import image_layout
from pipeline.superres.models import load_start, save_network
from pipeline.superres.network import SRNetwork
from pipeline.superres.networks import load_network
from pipeline.superres.objective import Objective, Setting
from pipeline.superres.request import ShowProgress, TrainSR
from pipeline.superres.validation import validate
from pipeline.training.descent import Descent
from pipeline.training.devices import launch, share
from pipeline.training.log import TrainingError, TrainingLog, log_folder
from pipeline.training.resume import Part, TrainingState, run_key
from pipeline.training.torch_settings import autocast, torch_settings


def train_sr(
    request: TrainSR,
    progress: ShowProgress,
    patches: Path,
    init: Path | None,
    code: str,
    out: Path,
) -> None:
    """Train an SR network and write its checkpoint.

    The resumable state (``TrainingState``) is written as often as ``progress`` says, read if it is of this
    very run (same request, code and content of all files that are read), and removed at the end. On the CPU a
    resumed training ends with the same weights, bit for bit, as an unbroken one.
    TensorBoard's files (losses, learning rate, validation PSNR, sample images) go to ``log_folder(out)``.

    Args:
        request: the network, its recipe, and all else that decides the weights.
        progress: steps between validations and between resumable states.
        patches: patch file of the recipe's kind.
        init: checkpoint of a model of the same network whose weights the training starts from
            (``load_start``).
        code: digest of the source.
        out: checkpoint.

    Raises:
        TrainingError: ``frozen`` names that do not exist, or a loss that is not finite.
        PatchFileError: patches that do not fit the recipe.
        CheckpointError: an ``init`` of another network.
        NetworkError: a network that cannot be built, or that a loss cannot train.
    """
    launch(request.compute, _train, _Run(request, progress, patches, init, code, out))


@dataclass  # not frozen: Fabric looks for tensors in all that it hands to processes
class _Run:
    """What ``train_sr`` is given."""

    request: TrainSR
    progress: ShowProgress
    patches: Path
    init: Path | None
    code: str
    out: Path


class _Step(nn.Module):
    """From a batch to SR (detached) and the terms of the loss, in one call: what devices share is in here."""

    def __init__(self, network: SRNetwork, objective: Objective, compute: Compute) -> None:
        super().__init__()
        self.network, self.objective, self.compute = network, objective, compute

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        # BN sees each frame of a pair as a batch of its own, as in the authors' code.
        with autocast(self.compute):
            frames = [self.network(lr) for lr in batch.lr.unbind(1)]  # K times (B, 3, 4s, 4s)
        sr = torch.stack(frames, 1).float()  # (B, K, 3, 4s, 4s)
        return sr.detach(), self.objective.generator_terms(sr, batch)


def _train(fabric: Fabric, run: _Run) -> None:
    """``train_sr`` in one process; only the first of several shows, validates and writes."""
    request, training, compute = run.request, run.request.training, run.request.compute
    run_seed = seed_for(request.seed, "train_sr", request.name)
    with torch_settings(compute) as device:
        torch.manual_seed(run_seed)
        network = load_network(request.network, request.args, request.scale)
        if run.init is not None:
            load_start(network, request, run.init, request.scale)
        network = image_layout(network.to(device).train())
        _freeze(network, training.frozen)
        read = (training, network.frames, network.temporal_padding)
        train, held_out = PatchFile(run.patches, "train", *read), PatchFile(run.patches, "validation", *read)
        if train.scale != request.scale:
            raise PatchFileError(
                f"{run.patches} holds patches of scale {train.scale}, but scale is {request.scale}; "
                "crop them again"
            )
        objective = Objective(Setting(training, request.feature_network, compute, network, fabric))
        forward = fabric.setup_module(_Step(network, objective, compute), move_to_device=False)
        beta1, beta2 = training.betas
        adam = torch.optim.Adam(network.parameters(), training.lr, (beta1, beta2), fused=True)
        descent = Descent(network, adam, training.milestones, training.gamma, training.clip_gradient)
        parts: dict[str, Part] = {"network": network, "descent": descent, "objective": objective}
        key = run_key(request, run.code, _files(run), train.attributes)
        state = TrainingState(run.out, key, training.iterations, steps=run.progress.checkpoint_every)
        state.restore(parts)

        first = fabric.is_global_zero
        name, section = f"train_sr {request.name}", f"superres.models.{request.name}.training"
        steps, part = range(state.step, training.iterations), share(fabric, training.batch_size)
        made = training_batches(train, training, run_seed, steps, device, part)
        folder = log_folder(run.out)
        with TrainingLog(name, section, folder, training.iterations, state.step, shown=first) as log:
            log.say(f"{len(train)} training and {len(held_out)} validation patches, from step {state.step}")
            for step, batch in enumerate(made, state.step + 1):
                sr, terms = forward(batch)
                loss = torch.stack(list(terms.values())).sum()
                descent.zero_grad()
                fabric.backward(loss)
                descent.step()
                log.step(step, descent.rate, terms | {"total": loss} | objective.train_own(sr, batch))
                if not first:
                    continue
                if step % run.progress.validate_every == 0 or step == training.iterations:
                    validation = validate(network, held_out, training.batch_size, compute)
                    if validation:
                        validation.show(log, step)
                state.keep(step, parts, log)
        if not first:
            return
        recipe = request.model_dump(mode="json", include={"network", "args", "training"})
        metadata = {
            "name": request.name, "scale": request.scale, "seed": request.seed, "run": key,
            "steps": training.iterations,
            "torch": str(torch.__version__), "recipe": json.dumps(recipe),
            "patches": train.attributes,
            "psnr": validation and validation.psnr, "bicubic_psnr": validation and validation.bicubic_psnr,
        }  # fmt: skip
        save_network(run.out, network, request, metadata)
    state.remove()


def _freeze(network: nn.Module, beginnings: list[str]) -> None:
    """Take parameters out of the training. Raises TrainingError for a beginning that none has."""
    for beginning in beginnings:
        found = [value for name, value in network.named_parameters() if name.startswith(beginning)]
        if not found:
            known = sorted({name.split(".")[0] for name, _ in network.named_parameters()})
            raise TrainingError(
                f"training.frozen: no parameter of {type(network).__name__} begins with {beginning!r}; "
                f"they begin with {', '.join(known)}"
            )
        for value in found:
            value.requires_grad_(False)


def _files(run: _Run) -> list[Path]:
    """Weights that a training reads."""
    read = [run.init] if run.init else []
    read += [path for loss in run.request.training.terms.values() for path in loss.weights()]
    if run.request.feature_network and run.request.feature_network.weights:
        read.append(run.request.feature_network.weights)
    return read
