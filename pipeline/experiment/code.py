"""Modules that jobs load by name, for their fingerprints: import statements do not lead to them."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.config import Config, Dataset, Protocol, Step, Table
from pipeline.experiment.degraded import parse
from pipeline.experiment.files import Files, Given
from pipeline.experiment.rows import Rows
from pipeline.plugins import module_of

PUBLISHED = "pipeline.weights.published"
"""Module that reads weights which were not trained here."""


class Code:
    """For each stage, the modules that its jobs load: networks, losses, what reads published weights."""

    def __init__(self, config: Config, rows: Rows, files: Files) -> None:
        self.config, self.rows, self.files = config, rows, files

    def list_clips(self, dataset: str) -> list[str]:
        """For a listing: the reader of its layout."""
        return ["pipeline.data.listing", module_of(Dataset, self.config.datasets[dataset].layout)]

    def prepare(self) -> list[str]:
        """For HR and LR frames: the steps of the degradation."""
        return ["pipeline.data.prepare", *_steps(self.config.degradation)]

    def degrade(self, degradation: str) -> list[str]:
        """For LR frames under a further degradation: its steps."""
        return ["pipeline.data.prepare", *_steps(self.config.degradations[degradation])]

    def training_flow(self, engine: str) -> list[str]:
        """For the flow of training videos: the engine."""
        weights = self.files.flow_weights(engine)
        return ["pipeline.flow.extract_training", f"pipeline.flow.{engine}", *_published(weights)]

    def train_sr(self, model: str) -> list[str]:
        """For a training: its networks, its losses, the importer of weights."""
        spec = self.config.superres.models[model]
        assert spec.training is not None
        modules = ["pipeline.superres.training", spec.module]
        modules += [module for loss in spec.training.terms.values() for module in loss.modules()]
        starts = self.files.init_weights(model) + self.files.loss_weights(model)
        return modules + _published(starts)

    def super_resolve(self, model: str) -> list[str]:
        """For super-resolution with a model: its network, the importer of weights."""
        network = self.config.superres.models[parse(model).name].module
        return ["pipeline.superres.inference", network, *_published(self.files.model_weights(model))]

    def measure_cost(self, model: str) -> list[str]:
        """For the cost of a model: its network."""
        return ["pipeline.superres.cost", self.config.superres.models[model].module]

    def plan_frames(self) -> list[str]:
        """For the plan of frames: the protocols."""
        protocols = {module_of(Protocol, spec.protocol) for spec in self.rows.recognizers.values()}
        return ["pipeline.recognition.plan", *sorted(protocols)]

    def train_recognizer(self, dataset: str, recognizer: str, stream: str) -> list[str]:
        """For the training of a stream."""
        weights = self.files.start_weights(dataset, recognizer, stream)
        spec = self.rows.recognizer(recognizer)
        published = _published(weights) or [PUBLISHED] * bool(spec.initial_weights)
        return ["pipeline.recognition.training", *recognizer_modules(spec, [stream]), *published]

    def score(self, dataset: str, recognizer: str, method: str) -> list[str]:
        """For the scores of a row or a pair."""
        spec, streams = self.rows.recognizer(recognizer), self.rows.scored_streams(recognizer, method)
        weights = self.files.scoring_weights(dataset, recognizer, method)
        return ["pipeline.recognition.scoring", *recognizer_modules(spec, streams), *_published(weights)]

    def tabulate(self, table: str) -> list[str]:
        """For a table beside Table 4."""
        return ["pipeline.report.tabulate", module_of(Table, self.rows.tables[table].table)]


def recognizer_modules(spec: Protocol, streams: Iterable[str]) -> list[str]:
    """Modules of the protocol, of the backbone, and of the joint networks of some streams."""
    names = [name for stream in streams if (name := spec.streams[stream].scored.joint)]
    joints = [name if ":" in name else f"pipeline.recognition.joint_networks.{name}" for name in names]
    return [module_of(Protocol, spec.protocol), _network("recognition", spec.network), *joints]


def _steps(chain: Iterable[Step]) -> list[str]:
    return list(dict.fromkeys(module_of(Step, step.step) for step in chain))


def _network(stage: str, network: str) -> str:
    """Module of a network that the configuration names."""
    return network if ":" in network else f"pipeline.{stage}.networks.{network}"


def _published(weights: Iterable[str]) -> list[str]:
    return [PUBLISHED] * any(isinstance(path, Given) for path in weights)
