"""Batches on their way to the device that trains on them, made ahead where it would wait for them."""

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
    """``make(number)`` of all ``numbers``, in order: containers of tensors, which come on ``device``.

    On the CPU each is made when it is asked for; for a GPU a thread makes the next one meanwhile. Where
    there are ``processes``, each makes two ahead instead, with a ``make`` of its own: it can be pickled.
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
    """What ``make`` makes of a number, as DataLoader asks for it."""

    def __init__(self, make: Callable[[int], B]) -> None:
        self.make = make

    def __getitem__(self, number: int) -> B:
        return self.make(number)


def _one_ahead(make: Callable[[int], B], numbers: range) -> Iterator[B]:
    """``make(number)`` of all ``numbers``; a thread makes one while the one before it is used."""
    with ThreadPoolExecutor(1) as worker:
        waiting = None
        for number in numbers:
            coming = worker.submit(make, number)
            if waiting is not None:
                yield waiting.result()
            waiting = coming
        if waiting is not None:
            yield waiting.result()
