"""Which network with which weights: a method of a run, or a network and a file by their names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pipeline.command import PROGRAM
from pipeline.config import Config, SuperRes
from pipeline.config.compute import Inference
from pipeline.config.load import load_config
from pipeline.config.text import read_config
from pipeline.errors import PipelineError
from pipeline.experiment import Experiment
from pipeline.places import WORKFLOW
from pipeline.superres.request import SuperResolve
from pipeline.weights.description import read_description

DEFAULT = "config.yaml"
DeviceName = Literal["cpu", "cuda"]


class ChoiceError(PipelineError, ValueError):
    """There is no such method, recogniser, data set or file; the message lists what there is."""


class Sources(NamedTuple):
    """The models behind a row: of its frames and of its flow, which are the same but for pairings."""

    label: str
    spatial: str
    temporal: str


class SRChoice(NamedTuple):
    """An SR network: its request, its weights (None: it has no parameters), its name."""

    request: SuperResolve
    weights: Path | None
    label: str


class Run:
    """A configuration and the trained weights in its output folder.

    Args:
        configfile: YAML file; None: config.yaml in the working folder, or else the demo's.

    Raises:
        ConfigError, ConfigTextError: the configuration cannot be used.
        ChoiceError: there is no such file.
    """

    def __init__(self, configfile: Path | str | None = None) -> None:
        own = Path(DEFAULT)
        self.path = Path(configfile) if configfile else own if own.is_file() else WORKFLOW / DEFAULT
        if not self.path.is_file():
            raise ChoiceError(f"{self.path}: no such configuration file")
        self.config: Config = load_config(read_config(self.path), data_must_exist=False)
        self.experiment = Experiment(self.config)

    def command(self, target: str) -> str:
        """The command that makes a file of this run."""
        given = "" if self.path == WORKFLOW / DEFAULT else f" --configfile {self.path}"
        return f"{PROGRAM} run{given} -- {target}"

    def sources(self, method: str) -> Sources:
        """The models of a row, a model, or "FRAMES+FLOW" of two of either. Raises ChoiceError."""
        spatial, plus, temporal = method.partition("+")
        row = self.config.methods.get(method)
        if row and row.spatial and row.temporal:
            spatial, plus, temporal = row.spatial, "+", row.temporal
        models = self._model(spatial), self._model(temporal if plus else spatial)
        return Sources((row and row.label) or self._label(spatial, temporal), *models)

    def _label(self, *rows: str) -> str:
        methods = self.config.methods
        return "+".join((methods[row].label if row in methods else "") or row for row in rows if row)

    def _model(self, name: str) -> str:
        row, models = self.config.methods.get(name), self.config.superres.models
        model = row.model if row else name
        if model not in models:
            rows = [row for row, method in self.config.methods.items() if method.model in models]
            known = [*rows, *(model for model in models if model not in rows)]
            raise ChoiceError(f"no method {name!r} in {self.path}; known: {', '.join(known)}")
        return model

    def sr(self, method: str, device: DeviceName | None = None, threads: int | None = None) -> SRChoice:
        """The SR network of a method with its weights. Raises ChoiceError."""
        sources = self.sources(method)
        if sources.spatial != sources.temporal:
            raise ChoiceError(
                f"{method} pairs the frames of {sources.spatial} with the flow of {sources.temporal}, so it "
                "makes no video; name one of the two"
            )
        return self.model(sources.spatial, sources.label, device, threads)

    def model(
        self, name: str, label: str = "", device: DeviceName | None = None, threads: int | None = None
    ) -> SRChoice:
        """An SR model with its weights. Raises ChoiceError."""
        weights = self._existing(self.experiment.files.model_weights(name), f"weights of {name}")
        # A request is that of any shard: it holds all that determines a frame.
        request = self.experiment.requests.super_resolve(next(iter(self.config.datasets)), name, "test", "0")
        compute = self.compute(device, threads)
        return SRChoice(request.model_copy(update=dict(compute)), next(iter(weights), None), label or name)

    def compute(self, device: DeviceName | None = None, threads: int | None = None) -> Inference:
        """Device, threads and precision: of the arguments, else those of ``inference``."""
        return inference(device, threads, self.config.compute.precision)

    def recognizer_weights(self, dataset: str, recognizer: str, streams: Iterable[str]) -> list[Path]:
        """Weights of the streams. Raises ChoiceError."""
        weights = self.experiment.files.recognizer_weights(dataset, recognizer, streams)
        return self._existing(weights, f"weights of {recognizer} for {dataset}")

    def manifest(self, dataset: str) -> Path:
        """The list of a data set's clips and classes. Raises ChoiceError."""
        return self._existing([f"{self.config.output}/data/{dataset}/manifest.csv"], f"classes of {dataset}")[
            0
        ]

    def _existing(self, files: list[str], what: str) -> list[Path]:
        for file in files:
            if not Path(file).is_file():
                made = type(file) is str
                remedy = f"make it: {self.command(file)}" if made else f"{self.path} names it; put it there"
                raise ChoiceError(f"no {what}: {file} does not exist; {remedy}")
        return [Path(file) for file in files]


def inference(
    device: DeviceName | None = None, threads: int | None = None, precision: str = "float32"
) -> Inference:
    """How to compute on this machine: by default on its GPU, or else on all cores of the process."""
    import torch

    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    precision = "float32" if chosen == "cpu" and precision == "tf32" else precision
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Inference.model_validate({"device": chosen, "threads": threads or cores, "precision": precision})


def sr_by_name(
    weights: Path | None,
    network: str | None = None,
    args: dict[str, Any] | None = None,
    device: DeviceName | None = None,
    threads: int | None = None,
    scale: int | None = None,
) -> SRChoice:
    """An SR network by its name, or by a checkpoint of ours, which says whose weights it holds.

    ``scale``: None: the checkpoint's, or else 4.

    Raises:
        ChoiceError: there is no such file, or published weights without the name of their network.
        DamagedError: a checkpoint that is no longer what was written.
    """
    if weights is not None and not weights.is_file():
        raise ChoiceError(f"{weights}: no such file of weights")
    said = read_description(weights) if weights else None
    if network is None and said is None:
        raise ChoiceError(
            f"{weights} does not say which network its weights are of; name it, as in --network vdsr "
            "(docs/networks.md lists them)"
        )
    if network is None and said is not None:
        network, args = said.network, said.args
    chosen: Any = scale or (said.metadata.get("scale") if said else None) or 4
    request = SuperResolve(
        network=str(network),
        args=args or {},
        scale=chosen,
        split="test",
        shard=0,
        batch_pixels=SuperRes.model_fields["batch_pixels"].default,
        **dict(inference(device, threads)),
    )
    return SRChoice(request, weights, weights.stem if weights else str(network))
