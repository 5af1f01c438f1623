"""Checks that every network can be built, maps the run's inputs to its outputs, and fits given weights.

This runs as a separate process, ``python -m pipeline.preflight.networks``, because it needs torch. It reads
the configuration from stdin and writes the findings to stdout, both as JSON. Networks are built without
drawing their weights, and run once on the smallest input that shows whether they work.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import torch
from torch import Tensor, nn

from pipeline.config import Config, Loss, SRModel, SRTraining
from pipeline.config.recognition import Recognizer
from pipeline.data.manifest import DataError
from pipeline.errors import PipelineError
from pipeline.experiment.models import Models
from pipeline.flow.flownet2 import NETWORKS as FLOW_NETWORKS
from pipeline.preflight.counts import content
from pipeline.preflight.losses import try_loss
from pipeline.recognition import models as recognition
from pipeline.recognition import networks as backbones
from pipeline.recognition.backbone import Backbone
from pipeline.recognition.streams import ScoredStream
from pipeline.recognition.weights import load_initial
from pipeline.superres.discriminators import load_discriminator
from pipeline.superres.features import VGG19
from pipeline.superres.models import load_start, load_trained, without
from pipeline.superres.network import ArgumentsError, SRNetwork
from pipeline.superres.networks import load_network
from pipeline.training.torch_settings import check_devices
from pipeline.weights.checkpoint import load_weights
from pipeline.weights.location import resolve
from pipeline.weights.published import load_published

N = TypeVar("N", bound=nn.Module)

SIDE = 8
"""Side of the LR frame on which SR networks are tried: that of the smallest patches."""


class Inspection:
    """Problems of a configuration's networks (``problems``), and remarks for the user (``notes``)."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.problems: list[str] = []
        self.passed: set[tuple[str, ...]] = set()
        self.notes: list[str] = []

    def run(self, devices: bool) -> None:
        """Check everything; ``devices``: also whether this machine has the devices of the run."""
        if devices:
            self._try("compute", lambda: check_devices(self.config.compute, self.config.compute.devices))
            self._precision()
        for name, model in self.config.superres.models.items():
            self._model(f"superres.models.{name}", model)
        for name, recognizer in self.config.recognition.recognizers.items():
            self._recognizer(f"recognition.recognizers.{name}", recognizer)
        self._others()

    def _precision(self) -> None:
        """Note bfloat16 on a processor that emulates it: convolutions took 3 to 12 times as long."""
        compute = self.config.compute
        asked = (compute.device, compute.precision) == ("cpu", "bfloat16")
        if asked and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
            self.notes.append(
                "compute.precision: this processor has no instructions for bfloat16 and emulates it, several "
                "times slower than float32; set compute.precision to float32"
            )

    def _model(self, key: str, model: SRModel) -> None:
        training = model.training
        if training:
            side = training.crop or self.config.patches.size
            for name, loss in training.terms.items():
                self._loss(f"{key}.training.losses.{name}", loss, side)
        scale = self.config.scale
        network = self._build(key, lambda: load_network(model.network, model.args, scale))
        if network is None:
            return
        frames, padding = getattr(network, "frames", None), network.temporal_padding
        if not isinstance(frames, int) or frames % 2 == 0 or padding not in ("zero", "replicate"):
            self.problems.append(
                f"{key}.network: {model.network} is not an SR network (frames {frames!r}, temporal_padding "
                f"{padding!r}; expected an odd number, and zero or replicate: superres/network.py)"
            )
            return
        name = model.network
        if network.from_file:
            file = Models(self.config).file(key.rpartition(".")[2])
            if file is None:
                self.problems.append(
                    f"{key}.network: {name} has the layers of its weights; give weights, or a training with "
                    "init, a model of the same network with weights"
                )
            if file is None or not file.exists():
                return
            before = len(self.problems)
            field = "weights" if model.weights else "init"
            self._weights(f"{key}.{field}", file, lambda path: load_published(network, path))
            if len(self.problems) > before:
                return
            name = f"{name} with {file}"
        out = (1, 3, scale * SIDE, scale * SIDE)
        self._pass(f"{key}.network", name, model.args, network, [(1, frames, 3, SIDE, SIDE)], [out])
        init = self.config.superres.models.get(model.init) if model.init else None
        if model.weights:
            self._weights(
                f"{key}.weights", model.weights, lambda path: load_trained(network, model, path, scale)
            )
        if init and init.weights:
            self._weights(f"{key}.init", init.weights, lambda path: load_start(network, model, path, scale))
        if init and init.training:
            self._start(f"{key}.init", model, network, init)
        if training:
            self._training(f"{key}.training", model, training, network)

    def _start(self, key: str, model: SRModel, network: SRNetwork, init: SRModel) -> None:
        """Whether a training can start from what ``init`` trains (``load_start``)."""
        free = network.start_args
        fits = (init.network, without(init.args, free)) == (model.network, without(model.args, free))
        if fits and init.args != model.args:
            start = self._build(key, lambda: load_network(init.network, init.args, self.config.scale))
            fits = start is None or start.state_dict().keys() <= network.state_dict().keys()
        if not fits:
            self.problems.append(
                f"{key}: {model.init} is {init.network} with {init.args}, but this is {model.network} with "
                f"{model.args}; make network and args of both equal"
            )

    def _training(self, key: str, model: SRModel, training: SRTraining, network: SRNetwork) -> None:
        kind, most = training.patches, self.config.patches.neighbours
        names = [name for name, _ in network.named_parameters()]
        if not names:
            self.problems.append(f"{key}: {model.network} has no parameters to train; remove the section")
        for beginning in training.frozen:
            if not any(name.startswith(beginning) for name in names):
                known = ", ".join(sorted({name.split(".")[0] for name in names}))
                self.problems.append(
                    f"{key}.frozen: no parameter begins with {beginning!r}; they begin with {known}"
                )
        if kind == "sosr" and network.frames > 1:
            self.problems.append(
                f"{key}.patches: {model.network} sees {network.frames} frames, but sosr patches are single "
                "ones; set it to tosr"
            )
        elif kind == "tosr" and network.frames > most:
            self.problems.append(
                f"{key}.patches: {model.network} sees {network.frames} frames, but patches.neighbours is "
                f"{most}; raise that"
            )
        for name, loss in training.terms.items():
            if problem := loss.network_problem(network):
                self.problems.append(f"{key}.losses.{name}: {problem}")
            else:
                self._compute(f"{key}.losses.{name}", loss, training, network)

    def _compute(self, key: str, loss: Loss, training: SRTraining, network: SRNetwork) -> None:
        """Try a loss without networks, which are tried separately, and without missing files."""
        features, side = self.config.superres.feature_network, training.crop or self.config.patches.size
        if loss.features or loss.networks(features) or not all(path.exists() for path in loss.weights()):
            return
        try:
            try_loss(loss, training, features, network, side)
        except Exception as error:  # a loss may raise any exception
            self.problems.append(f"{key}: {loss.loss}: {first_line(error)}")

    def _loss(self, key: str, loss: Loss, side: int) -> None:
        """Discriminators; the feature network is the same for all (``_others``)."""
        for own in loss.networks(self.config.superres.feature_network):
            if own.kind != "discriminator":
                continue
            network = self._build(key, partial(load_discriminator, own.name, own.args), "discriminator")
            if network is not None:
                at, images = f"{key}.discriminator", [(1, 3, side, side)]
                self._pass(at, own.name, own.args, network, images, [(1, 1)])

    def _recognizer(self, key: str, spec: Recognizer) -> None:
        for stream in spec.streams:
            scored = spec.scored(stream)
            network = self._build(key, partial(recognition.build_model, scored, 2, 0.0))
            if network is None:
                return
            for backbone in recognition.backbones_of(network):
                if problem := _backbone_problem(backbone):
                    self.problems.append(f"{key}.network: {spec.network} is not a backbone: {problem}")
                    return
            inputs = input_shapes(scored, spec.crop)
            outputs = [(1, 2)] * len(inputs)
            if not self._pass(f"{key}.network", spec.network, spec.args, network, inputs, outputs):
                return
            for dataset, data in self.config.datasets.items():
                path = None if data.recognizer_from else spec.weights_for(stream, dataset)
                classes = path and class_count(self.config, dataset)
                if path and classes:
                    self._stream(f"{key}.weights.{stream}", dataset, path, scored, classes)
            if spec.initial_weights and isinstance(network, Backbone) and spec.training_of(stream):
                start = lambda _, n=network: load_initial(n, spec.initial_weights)  # noqa: E731
                self._weights(f"{key}.initial_weights", resolve_quietly(spec.initial_weights), start)

    def _stream(self, key: str, dataset: str, path: Path, stream: ScoredStream, classes: int) -> None:
        network = self._build(key, lambda: recognition.build_model(stream, classes, 0.0))
        if network is not None:
            load = lambda p: recognition.load_trained(network, p, stream, stream.stream, classes)  # noqa: E731
            self._weights(key, path, load, f"for {dataset}, of {classes} classes: ")

    def _others(self) -> None:
        superres_config, flow = self.config.superres, self.config.flow.flownet2
        trainings = [model.training for model in superres_config.models.values() if model.training]
        features = superres_config.feature_network
        compared = any(loss.features for training in trainings for loss in training.terms.values())
        if features.network == "vgg19" and features.weights and compared:
            with undrawn(), torch.device("meta"):
                vgg = VGG19()
            load = lambda path: load_weights(vgg, path, "vgg19", ignore=("classifier.",))  # noqa: E731
            self._weights("superres.feature_network.weights", features.weights, load)
        if self.config.patches.spatial_flow == "flownet2" and flow.weights:
            with undrawn(), torch.device("meta"):
                network = FLOW_NETWORKS[flow.network]()
            self._weights(
                "flow.flownet2.weights", flow.weights, lambda p: load_weights(network, p, flow.network)
            )

    def _build(self, key: str, make: Callable[[], N], named: str = "network") -> N | None:
        """Build a network with all weights zero; if that fails, note the problem and return None."""
        try:
            with undrawn():
                network = make()
            if not isinstance(network, nn.Module):
                self.problems.append(f"{key}.{named}: {type(network).__name__} is not a torch nn.Module")
                return None
            with torch.no_grad():
                for parameter in network.parameters():
                    parameter.zero_()
            return network
        except (ArgumentsError, backbones.ArgumentsError) as error:
            self.problems.append(f"{key}.args: {first_line(error)}")
        except PipelineError as error:
            self.problems.append(f"{key}.{named}: {first_line(error)}")
        except ImportError as error:
            self.problems.append(f"{key}.{named}: its module cannot be imported: {first_line(error)}")
        except Exception as error:  # a constructor may raise any exception
            self.problems.append(f"{key}.args: {first_line(error)}")
        return None

    def _pass(
        self,
        key: str,
        name: str,
        args: dict[str, Any],
        network: nn.Module,
        inputs: Sequence[tuple[int, ...]],
        outputs: Sequence[tuple[int, ...]],
    ) -> bool:
        """Whether a forward pass maps the inputs to the outputs' shapes; equal networks run once."""
        same = (name, str(args), str(inputs))
        if same in self.passed:
            return True
        try:
            with torch.no_grad():
                out = network.eval()(*map(torch.zeros, inputs))
            found = [tuple(each.shape) for each in ([out] if isinstance(out, Tensor) else out)]
        except Exception as error:  # a network may raise any exception
            shapes = " and ".join(map(str, inputs))
            self.problems.append(f"{key}: {name} does not accept input {shapes}: {first_line(error)}")
            return False
        if found != outputs:
            self.problems.append(
                f"{key}: {name} gives {found} for input {inputs}, expected {outputs}; name another network"
            )
            return False
        self.passed.add(same)
        return True

    def _weights(self, key: str, path: Path | None, load: Callable[[Path], Any], about: str = "") -> None:
        """Load existing weights; find_needs reports missing ones."""
        if path is None or not path.exists():
            return
        output = io.StringIO()
        # Loading into networks on the meta device warns that nothing is copied.
        with contextlib.redirect_stderr(output), warnings.catch_warnings(action="ignore"):
            fine = self._try(key, lambda: load(path), about)
        notes = [line for line in output.getvalue().splitlines() if line.startswith(f"{path}: ")]
        self.notes += [f"{key}: {note}" for note in dict.fromkeys(notes) if fine]

    def _try(self, key: str, do: Callable[[], Any], about: str = "") -> bool:
        try:
            do()
        except (PipelineError, OSError) as error:
            self.problems.append(f"{key}: {about}{first_line(error)}")
            return False
        return True


def input_shapes(stream: ScoredStream, crop: int) -> list[tuple[int, ...]]:
    """Shape of the smallest input of each backbone of a stream."""
    if stream.clip_shape:
        frames, side = stream.clip_shape
        return [(1, 3, frames, side, side)]
    frames_apart = (1,) if stream.together else ()
    return [(1, *frames_apart, channels, crop, crop) for channels in stream.channels]


def class_count(config: Config, dataset: str) -> int | None:
    """Number of classes in a data set's lists, else as published; None for a demo not generated yet."""
    data = config.datasets[dataset]
    splits = content(config, dataset, "splits", data.splits)
    if splits is not None and splits.is_dir():
        try:
            return len(data.read_lists(splits).classes)
        except DataError:
            return None  # reported when the lists are read
    if data.classes:
        return len(data.classes)
    return None if config.demo or data.counts is None else data.counts.classes


def resolve_quietly(weights: str) -> Path | None:
    """The file of initial weights; None if it is missing, which is reported elsewhere."""
    try:
        return resolve(weights)
    except PipelineError:
        return None


def first_line(error: Exception) -> str:
    """An error in one line, with its type if it is not one of ours."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if isinstance(error, PipelineError | ValueError) else f"{type(error).__name__}: {text}"


def _backbone_problem(network: Backbone) -> str | None:
    missing = [
        name
        for name in ("normalisation", "first_conv", "classifier", "dropout")
        if not hasattr(network, name)
    ]
    return f"{type(network).__name__} has no {', '.join(missing)}" if missing else None


@contextlib.contextmanager
def undrawn() -> Iterator[None]:
    """Build networks in this block without drawing weights, which takes most of the time of large ones."""
    names = [name for name in dir(nn.init) if name.endswith("_") and not name.startswith("_")]
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(mock.patch.object(nn.init, name, lambda tensor, *_, **__: tensor))
        yield


def main() -> None:
    """Read a configuration from stdin and write the findings to stdout."""
    answer = sys.stdout
    # Users' networks are found in the same places as by the jobs (pipeline/__main__.py).
    sys.path.append(str(Path.cwd()))
    inspection = Inspection(Config.model_validate_json(sys.stdin.read()))
    # Small layers synchronise for longer than they compute.
    torch.set_num_threads(1)
    # Output of users' modules must not get into the answer.
    with contextlib.redirect_stdout(sys.stderr):
        inspection.run(devices="--devices" in sys.argv)
    json.dump({"problems": list(dict.fromkeys(inspection.problems)), "notes": inspection.notes}, answer)


if __name__ == "__main__":
    main()
