"""Seconds of one forward pass of each network, measured on the machine at hand."""

from __future__ import annotations

import csv
import math
import platform
import re
import time
from datetime import date
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from pipeline.config import SCALE, Compute, Config
from pipeline.files import atomic_path
from pipeline.flow.flownet2 import NETWORKS
from pipeline.preflight.cost import network_operations
from pipeline.preflight.throughput import COLUMNS, Operation, measured_path
from pipeline.recognition.networks import load_backbone
from pipeline.superres.discriminators import load_discriminator
from pipeline.superres.features import VGG19
from pipeline.superres.memory_format import image_layout
from pipeline.superres.networks import load_network
from pipeline.training.torch_settings import autocast, check_devices, torch_settings

CLASSES = 101
"""Of a recogniser that is timed; they hardly matter."""

WARM_UP, REPEATS = 2, 3
"""Passes before the clock counts, and those of which the fastest does."""

BATCH = 16
"""Images that a GPU is given at once."""


def measure_operations(config: Config) -> None:
    """Write the seconds of one pass of each network of a run to ``measured_path``.

    On the configuration's device, in its precision. Weights are random, and no data are read.

    Raises:
        DeviceError: the machine does not have the device.
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
    """Units of a pass: one on a core; on a GPU pairs one by one and frames as many as the run takes."""
    if config.compute.device == "cpu" or operation.kind == "flow":
        return 1
    if operation.kind == "sr":
        return max(1, config.superres.batch_pixels // math.prod(operation.size))
    return BATCH


def build(operation: Operation) -> tuple[nn.Module, tuple[int, ...]]:
    """The operation's network on the CPU, as the run lays it out, and the shape of one input.

    Raises:
        NetworkError: no such network, or arguments that it does not take.
    """
    (width, height), args = operation.size, dict(operation.args)
    shape: tuple[int, ...] = (3, height, width)
    network: nn.Module
    match operation.kind:
        case "sr":
            network = generator = load_network(operation.network, args)
            shape = (generator.frames, 3, height // SCALE, width // SCALE)
        case "discriminator":
            network = load_discriminator(operation.network, args)
        case "features":
            network = VGG19()
        case "recognition":
            shape = (args.pop("in_channels"), height, width)
            network = load_backbone(operation.network, CLASSES, shape[0], 0.0, args)
        case "flow":
            # The stage leaves these weights as they are.
            return NETWORKS[operation.network]().eval(), (3, 2, height, width)
    return image_layout(network.eval()), shape


def time_pass(network: nn.Module, inputs: Tensor, compute: Compute) -> float:
    """Seconds of the fastest of a few forward passes: of the clock on a GPU, of one core's work on the CPU.

    Raises:
        DeviceError: the machine does not have the device.
    """
    on_gpu = compute.device == "cuda"
    clock = time.perf_counter if on_gpu else time.process_time
    wait = torch.cuda.synchronize if on_gpu else lambda: None
    times = []
    with torch_settings(compute.model_copy(update={"threads": 1})) as device:
        network, inputs = network.to(device), inputs.to(device)
        for _ in range(WARM_UP + REPEATS):
            wait()
            start = clock()
            # Not inference_mode: tensors that networks cache would be of no use to a later training.
            with torch.no_grad(), autocast(compute):
                network(inputs)
            wait()
            times.append(clock() - start)
    return min(times[WARM_UP:])


def device_name(compute: Compute) -> str:
    """Name of the GPU, or of the processor of which one core is measured."""
    if compute.device == "cuda":
        return torch.cuda.get_device_name()
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.is_file() else None
    return f"one core of {found[1] if found else platform.processor() or platform.machine()}"
