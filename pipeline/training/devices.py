"""Training on one or several devices of a machine, with Lightning Fabric: the same code for both.

Each device has a process that computes its part of every batch; gradients are averaged over the parts. So
``batch_size`` is the batch of a step, whatever the number of devices. Batch statistics (BN, the means of the
relativistic loss) are those of a device's part.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable

from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment
from lightning_fabric.strategies import DDPStrategy
from torch.multiprocessing import ProcessRaisedException

from pipeline.config import Compute
from pipeline.errors import PipelineError
from pipeline.termination import TerminatedError, signals_as_exceptions
from pipeline.training.torch_settings import check_devices

CLEAN_UP_SECONDS = 10.0
"""Time that a process has to remove its unfinished files."""


class DeviceProcessError(PipelineError):
    """A training failed in one of its processes; the message is that process's."""


def launch(compute: Compute, train: Callable[..., None], *arguments: object) -> None:
    """Call ``train(fabric, *arguments)``: for one device in this process, for several in one process each.

    ``train`` must be a function at the top of a module, and its arguments must be picklable. It passes a
    module whose ``forward`` returns the loss to ``fabric.setup_module``; ``fabric.backward`` then averages
    gradients.

    Raises:
        DeviceError: the machine lacks the devices.
        DeviceProcessError: one of several processes failed. With one device errors are raised unchanged.
    """
    check_devices(compute, compute.devices)
    fabric = Fabric(
        accelerator=compute.device,
        devices=compute.devices,
        # Unused parameters: a loss may leave parts of a network alone. Buffers: each device keeps its own
        # running statistics, and the first one's are saved.
        strategy=DDPStrategy(start_method="spawn", find_unused_parameters=True, forward_sync_buffers=False)
        if compute.devices > 1
        else "auto",
        # Without this, Fabric takes a job on SLURM for one of several that srun has started.
        plugins=[LightningEnvironment()],
    )
    try:
        if compute.devices > 1:
            # Fabric types a function without arguments of its own.
            fabric.launch(_in_process, train, *arguments)  # type: ignore[arg-type]
        else:
            fabric.launch(train, *arguments)
    except TerminatedError:
        _end_processes()
        raise
    except ProcessRaisedException as error:
        raise DeviceProcessError(str(error).strip().splitlines()[-1]) from error


def _in_process(fabric: Fabric, train: Callable[..., None], *arguments: object) -> None:
    """``train`` in one of several processes; a signal that ends it removes its unfinished files."""
    with signals_as_exceptions():
        train(fabric, *arguments)


def _end_processes() -> None:
    """End the processes of a training whose parent is ending, which would otherwise wait for them."""
    processes = multiprocessing.active_children()
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(CLEAN_UP_SECONDS)
        process.kill()


def share(fabric: Fabric, batch_size: int) -> slice:
    """The part of a batch that this process computes. Raises DeviceProcessError if parts would differ."""
    part, rest = divmod(batch_size, fabric.world_size)
    if rest:
        raise DeviceProcessError(
            f"batch_size {batch_size} cannot be shared equally by {fabric.world_size} devices"
        )
    return slice(fabric.global_rank * part, (fabric.global_rank + 1) * part)
