"""What SR networks are trained on: one file a term, named as in ``training.losses`` of the config.

Each file has its formulas as functions and a ``Term(training, feature_network, compute)`` that maps SR
(B, K, 3, 4s, 4s) and its batch to the weighted scalar; K is 2 for a siamese pair. A term that trains
something of its own (a discriminator) also has ``set_up``, which is given the training's Fabric, ``train``,
``state_dict`` and ``load_state_dict``; one that looks into the network has ``attach``, which is given it
before the training.
Images are RGB in [0, 1], flow is in HR pixels.
"""

from __future__ import annotations

import importlib
from typing import Any

from pipeline.config import Compute, FeatureNetwork, SRTraining


def load_terms(training: SRTraining, feature_network: FeatureNetwork, compute: Compute) -> dict[str, Any]:
    """The terms of a recipe by name. Modules are loaded by name, so that an edit of one loss leaves the
    trainings without it as they are (docs/decisions/0001-params-and-fingerprints.md).
    """
    return {
        name: importlib.import_module(f"{__name__}.{name}").Term(training, feature_network, compute)
        for name, settings in training.losses
        if settings is not None
    }
