"""Device, threads, determinism and precision of torch during a stage."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch

from pipeline.config.compute import Inference
from pipeline.errors import PipelineError


class DeviceError(PipelineError):
    """The machine lacks a device that the configuration requests."""


def check_devices(compute: Inference, count: int = 1) -> None:
    """Raise DeviceError if the machine has fewer than ``count`` devices."""
    if compute.device != "cuda":
        return
    if not torch.cuda.is_available():
        raise DeviceError("compute.device is cuda, but torch finds no CUDA device; set it to cpu")
    if count > torch.cuda.device_count():
        raise DeviceError(
            f"compute.devices is {count}, but torch finds {torch.cuda.device_count()} CUDA devices; lower it"
        )


@contextmanager
def torch_settings(compute: Inference) -> Iterator[torch.device]:
    """Apply the settings of ``compute``, yield the device, and restore torch's settings at the end.

    Float32 means float32 on a GPU, too; torch's default there is TF32 within convolutions. Operations with a
    deterministic form use it; the few without one (on CUDA: the backward pass of bilinear sampling) warn.
    Raises DeviceError if the machine lacks the device.
    """
    check_devices(compute)
    # cuBLAS is only deterministic with a fixed workspace, and reads this when it starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    threads = torch.get_num_threads()
    mode = torch.get_deterministic_debug_mode()
    # Any: their settings are made at run time.
    memory: Any = torch.utils.deterministic
    cudnn: Any = torch.backends.cudnn
    fill = memory.fill_uninitialized_memory
    products = (cudnn.conv, torch.backends.cuda.matmul)
    precisions = [kind.fp32_precision for kind in products]
    try:
        for kind in products:
            kind.fp32_precision = "tf32" if compute.precision == "tf32" else "ieee"
        torch.set_num_threads(compute.threads)
        # torch.use_deterministic_algorithms does the same, but loads torch's compiler first: a second a job.
        torch.set_deterministic_debug_mode("warn")
        # Nothing here reads memory before writing it; filling it costs time on every allocation.
        memory.fill_uninitialized_memory = False
        yield torch.device(compute.device)
    finally:
        torch.set_num_threads(threads)
        torch.set_deterministic_debug_mode(mode)
        memory.fill_uninitialized_memory = fill
        for kind, precision in zip(products, precisions, strict=True):
            kind.fp32_precision = precision


def autocast(compute: Inference) -> AbstractContextManager[object]:
    """Context of forward passes: bfloat16 if ``compute.precision`` is so; weights stay float32."""
    return torch.autocast(compute.device, torch.bfloat16, enabled=compute.precision == "bfloat16")
