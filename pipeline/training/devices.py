"""Training on one device or on several of a machine, through Lightning Fabric: the same code for both.

Each device has a process that computes its part of every batch; gradients are averaged over the parts. So
``batch_size`` is that of a step, for any number of devices. What depends on a part alone is stated where it
arises: batch statistics (BN, the relativistic means) are those of a device's part.
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
"""Time that a process has to remove what is unfinished."""


class EngineError(PipelineError):
    """A training that failed in one of its processes; the message is that process's."""


def launch(compute: Compute, train: Callable[..., None], *arguments: object) -> None:
    """Call ``train(fabric, *arguments)``, for one device here, for several in a process each.

    ``train`` is a function of a module, and the arguments can be pickled. ``fabric.setup_module`` of a module
    whose ``forward`` makes the loss averages its gradients in ``fabric.backward``.

    Raises DeviceError for devices that the machine does not have, and EngineError if a process of several
    fails; with one device errors come as they are.
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
        raise EngineError(str(error).strip().splitlines()[-1]) from error


def _in_process(fabric: Fabric, train: Callable[..., None], *arguments: object) -> None:
    """``train`` in one of several processes, which removes what is unfinished when a signal ends it."""
    with signals_as_exceptions():
        train(fabric, *arguments)


def _end_processes() -> None:
    """End the processes of a training whose parent is ended: it would wait for them to finish."""
    processes = multiprocessing.active_children()
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(CLEAN_UP_SECONDS)
        process.kill()


def share(fabric: Fabric, batch_size: int) -> slice:
    """The part of a batch that this process computes. Raises EngineError if there are no equal parts."""
    part, rest = divmod(batch_size, fabric.world_size)
    if rest:
        raise EngineError(f"batch_size {batch_size} cannot be shared equally by {fabric.world_size} devices")
    return slice(fabric.global_rank * part, (fabric.global_rank + 1) * part)
