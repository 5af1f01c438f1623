"""Measures the seconds of one forward pass of each network on this machine."""

from __future__ import annotations

import csv
import math
from datetime import date

import torch
from torch import nn
from tqdm import tqdm

from pipeline.config import Config
from pipeline.files import atomic_path
from pipeline.flow.flownet2 import NETWORKS
from pipeline.preflight.cost import network_operations
from pipeline.preflight.throughput import COLUMNS, Operation, measured_path
from pipeline.recognition.networks import load_backbone, load_clip_backbone
from pipeline.superres.discriminators import load_discriminator
from pipeline.superres.features import VGG19
from pipeline.superres.memory_format import image_layout
from pipeline.superres.networks import load_network
from pipeline.training.timing import device_name, time_pass
from pipeline.training.torch_settings import check_devices
from pipeline.weights.published import load_published

CLASSES = 101
"""Classes of a timed recogniser; their number hardly matters."""

BATCH = 16
"""Images per pass on a GPU."""


def measure_operations(config: Config) -> None:
    """Write the seconds of one pass of each network of a run to ``measured_path``.

    Uses the configuration's device and precision. Weights are random, and no data are read.

    Raises:
        DeviceError: the machine lacks the device.
        NetworkError: a network cannot be built.
    """
    compute = config.compute
    check_devices(compute)
    with atomic_path(measured_path(config)) as temporary, temporary.open("w", newline="") as file:
        file.write(f"# {device_name(compute)}, torch {torch.__version__}, {date.today()}\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for operation in tqdm(network_operations(config), desc=f"measure {compute.device}", unit="network"):
            network, shape = build(operation)
            batch = _batch(operation, config)
            seconds = time_pass(network, torch.rand(batch, *shape), operation.settings(compute)) / batch
            writer.writerow([*operation.key, compute.device, compute.precision, f"{seconds:.4g}"])


def _batch(operation: Operation, config: Config) -> int:
    """Units per pass: one on the CPU; on a GPU one pair, or as many frames as in the run."""
    if config.compute.device == "cpu" or operation.kind == "flow":
        return 1
    if operation.kind == "sr":
        return max(1, config.superres.batch_pixels // math.prod(operation.size))
    return BATCH


def build(operation: Operation) -> tuple[nn.Module, tuple[int, ...]]:
    """The operation's network on the CPU, in the run's memory format, and the shape of one input.

    Raises:
        NetworkError: there is no such network, or it does not accept the arguments.
    """
    (width, height), args = operation.size, dict(operation.args)
    shape: tuple[int, ...] = (3, height, width)
    network: nn.Module
    match operation.kind:
        case "sr":
            network = generator = load_network(operation.network, args, operation.scale)
            if generator.from_file and operation.weights:
                load_published(generator, operation.weights)
            shape = (generator.frames, 3, height // operation.scale, width // operation.scale)
        case "discriminator":
            network = load_discriminator(operation.network, args)
        case "features":
            network = VGG19()
        case "recognition":
            shape = (args.pop("in_channels"), height, width)
            network = load_backbone(operation.network, CLASSES, shape[0], 0.0, args)
        case "clip":
            frames = args.pop("frames")
            network = load_clip_backbone(operation.network, CLASSES, frames, height, 0.0, args)
            return network.eval(), (3, frames, height, width)
        case "flow":
            # The stage does not convert these weights either.
            return NETWORKS[operation.network]().eval(), (3, 2, height, width)
    return image_layout(network.eval()), shape
