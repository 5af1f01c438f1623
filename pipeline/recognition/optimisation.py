"""How a recogniser's parameters move in training: SGD's multipliers, and which batch normalisation trains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from pipeline.config.stream_training import StreamTraining
from pipeline.recognition.backbone import Backbone

BATCH_NORMS = (nn.BatchNorm2d, nn.BatchNorm3d)
NORMS = (*BATCH_NORMS, nn.LayerNorm)


def make_optimiser(network: nn.Module, training: StreamTraining) -> torch.optim.SGD:
    """SGD with TSN's multipliers: biases learn twice as fast, biases and normalisations do not decay.

    The first convolution of every backbone learns ``first_conv_rate`` times as fast, the gains of
    normalisations ``norm_rate`` times.
    """
    backbones = [module for module in network.modules() if isinstance(module, Backbone)]
    first_convs = [backbone.get_submodule(backbone.first_conv) for backbone in backbones]
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if not parameter.requires_grad:
                continue
            is_norm = isinstance(module, NORMS)
            is_bias = name == "bias" and not is_norm
            rate = 2.0 if is_bias else training.norm_rate if is_norm and name == "weight" else 1.0
            if any(module is first for first in first_convs):
                rate *= training.first_conv_rate
            decay = 0.0 if is_bias or is_norm else training.weight_decay
            groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.SGD(
        [
            {"params": parameters, "lr": training.lr * rate, "weight_decay": decay}
            for (rate, decay), parameters in groups.items()
        ],
        momentum=training.momentum,
    )


def train_mode(network: nn.Module, partial_bn: bool) -> None:
    """Training mode; with ``partial_bn`` all batch normalisations but each backbone's first are frozen."""
    network.train()
    for backbone in (module for module in network.modules() if isinstance(module, Backbone)):
        for norm in _norms(backbone)[1:]:
            norm.train(not partial_bn).requires_grad_(not partial_bn)


def set_norm_momentum(network: nn.Module, share: float, number: int, count: int) -> None:
    """Prepare BN for piece ``number`` of ``count``, from 1, of a step that moves statistics by ``share``.

    After the last piece the running statistics are (1 - share) times the old ones plus share times the mean
    of the pieces' own, as in MatConvNet.
    """
    each = share / count
    for norm in _norms(network):
        norm.momentum = each / (1 - share + number * each)


@contextmanager
def own_norm_momentum(network: nn.Module) -> Iterator[None]:
    """Give BN its own momentum back at the end, whatever was set meanwhile."""
    own = [(norm, norm.momentum) for norm in _norms(network)]
    yield
    for norm, momentum in own:
        norm.momentum = momentum


def _norms(network: nn.Module) -> list[nn.BatchNorm2d | nn.BatchNorm3d]:
    return [module for module in network.modules() if isinstance(module, BATCH_NORMS)]
