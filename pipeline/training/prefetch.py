"""Training batches on their device, prepared in advance where the device would wait for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from lightning_fabric.utilities import move_data_to_device
from torch.utils.data import DataLoader, Dataset

B = TypeVar("B")


def on_device(
    make: Callable[[int], B], numbers: range, device: torch.device, processes: int = 0
) -> Iterator[B]:
    """Yield ``make(number)`` for all ``numbers`` in order: containers of tensors, moved to ``device``.

    On a CPU a batch is made when it is requested; for a GPU a thread makes the next one in the meantime. With
    ``processes``, each process makes two batches in advance; ``make`` must then be picklable.
    """
    made: Iterable[B]
    if processes:
        made = DataLoader(
            _Made(make),
            batch_size=None,  # an item is a batch
            sampler=numbers,
            num_workers=processes,
            multiprocessing_context="spawn",
            pin_memory=device.type == "cuda",
            generator=torch.Generator(),  # leaves the training's own random numbers alone
        )
    elif device.type == "cpu":
        made = map(make, numbers)
    else:
        made = _one_ahead(make, numbers)
    for batch in made:
        yield move_data_to_device(batch, device)


class _Made(Dataset[B]):
    """``make`` as a data set, which DataLoader requires."""

    def __init__(self, make: Callable[[int], B]) -> None:
        self.make = make

    def __getitem__(self, number: int) -> B:
        return self.make(number)


def _one_ahead(make: Callable[[int], B], numbers: range) -> Iterator[B]:
    """Yield ``make(number)`` for all ``numbers``; a thread makes the next one while the last is used."""
    with ThreadPoolExecutor(1) as worker:
        waiting = None
        for number in numbers:
            coming = worker.submit(make, number)
            if waiting is not None:
                yield waiting.result()
            waiting = coming
        if waiting is not None:
            yield waiting.result()
