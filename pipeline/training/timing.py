"""Times a network's forward pass on this machine."""

from __future__ import annotations

import platform
import re
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline.config.compute import Inference
from pipeline.training.torch_settings import autocast, torch_settings

WARM_UP, REPEATS = 2, 3
"""Warm-up passes, and timed passes, of which the fastest counts."""


def time_pass(network: nn.Module, inputs: Tensor, compute: Inference) -> float:
    """Seconds of the fastest of a few forward passes: wall time on a GPU, processor time on the CPU.

    Raises:
        DeviceError: the machine lacks the device.
    """
    on_gpu = compute.device == "cuda"
    clock = time.perf_counter if on_gpu else time.process_time
    wait: Callable[[], None] = torch.cuda.synchronize if on_gpu else lambda: None
    times = []
    with torch_settings(compute.model_copy(update={"threads": 1})) as device:
        network, inputs = network.to(device), inputs.to(device)
        for _ in range(WARM_UP + REPEATS):
            wait()
            start = clock()
            # Not inference_mode: a later training could not use the tensors that networks cache.
            with torch.no_grad(), autocast(compute):
                network(inputs)
            wait()
            times.append(clock() - start)
    return min(times[WARM_UP:])


def device_name(compute: Inference) -> str:
    """Name of the GPU, or of the processor, of which one core is measured."""
    if compute.device == "cuda":
        return torch.cuda.get_device_name()
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.is_file() else None
    return f"one core of {found[1] if found else platform.processor() or platform.machine()}"
