"""Batches on their way to a device. Torch's meta device stands for a GPU: it only has shapes."""

import threading
from typing import NamedTuple

import pytest
import torch

from pipeline.training.prefetch import on_device

CPU, GPU = torch.device("cpu"), torch.device("meta")


class Pair(NamedTuple):
    """A batch."""

    images: list[torch.Tensor]
    number: int


def make(number: int) -> Pair:
    return Pair([torch.full((2,), number)], number)


def test_on_the_cpu_a_batch_is_made_when_it_is_asked_for():
    asked = []
    batches = on_device(lambda number: asked.append(number) or make(number), range(3, 6), CPU)
    assert asked == []
    assert next(batches).images[0].tolist() == [3, 3]
    assert asked == [3]
    assert [batch.number for batch in batches] == [4, 5]


def test_for_a_gpu_the_next_one_is_made_meanwhile_and_no_more():
    begun = {number: threading.Event() for number in range(4)}

    def note(number: int) -> Pair:
        begun[number].set()
        return make(number)

    batches = on_device(note, range(4), GPU)
    for number in range(4):
        batch = next(batches)
        assert isinstance(batch, Pair)
        assert (batch.number, batch.images[0].device.type) == (number, "meta")
        if number < 3:
            assert begun[number + 1].wait(60)
        assert not any(begun[later].is_set() for later in range(number + 2, 4))
    assert next(batches, None) is None


@pytest.mark.parametrize("device", [CPU, GPU])
def test_no_batches_and_what_fails_in_making_one(device):
    assert list(on_device(make, range(0), device)) == []

    def fail(number: int) -> Pair:
        raise OSError(f"no batch {number}")

    with pytest.raises(OSError, match="no batch 0"):
        next(on_device(fail, range(2), device))
