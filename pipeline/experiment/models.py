"""SR networks: which are trained, and on which patches."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline.config import Config
from pipeline.experiment.degraded import parse, under


class Models:
    """The SR models of a configuration and their trainings."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.models = config.superres.models

    def trained(self, wanted: Iterable[str]) -> list[str]:
        """Models to train for the wanted ones: these, and those from which they start."""
        pending, found = list(wanted), []
        while pending:
            name = pending.pop(0)
            if self.models[name].training and name not in found:
                found.append(name)
                pending += [start] if (start := self.models[name].init) else []
        return found

    def file(self, name: str) -> Path | None:
        """The given weights of a model, or those from which its chain of trainings starts; None if drawn."""
        model = self.models[name]
        while not model.weights and model.init in self.models:
            model = self.models[model.init]
        return model.weights

    def patch_kinds(self, trained: Iterable[str]) -> list[str]:
        """Kinds of training patches that some trainings read."""
        trainings = (self.models[name].training for name in trained)
        return sorted({under(training.patches, training.degradation) for training in trainings if training})

    def patch_flow(self, kind: str) -> tuple[str, int]:
        """Engine and gap in frames of the flow by which patches are chosen."""
        patches = self.config.patches
        return {"sosr": (str(patches.spatial_flow), 1), "tosr": ("tvl1", patches.pair_gap)}[parse(kind).name]
