"""Devices that a training asks for, and the parts of a batch that they get."""

from types import SimpleNamespace

import pytest
import torch

from pipeline.config import Compute
from pipeline.engine import EngineError, launch, share
from pipeline.torch_settings import DeviceError, torch_settings


def test_missing_devices_are_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=r"compute.device is cuda.*set it to cpu"):
        launch(Compute(device="cuda"), print)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(DeviceError, match=r"compute.devices is 4, but torch finds 2"):
        launch(Compute(device="cuda", devices=4), print)


@pytest.mark.parametrize(("precision", "products"), [("float32", "ieee"), ("tf32", "tf32")])
def test_float32_is_float32_on_a_gpu_unless_tf32_is_asked_for(precision, products):
    kinds = (torch.backends.cudnn.conv, torch.backends.cuda.matmul)
    before = [kind.fp32_precision for kind in kinds]
    with torch_settings(Compute(precision=precision)):
        assert [kind.fp32_precision for kind in kinds] == [products, products]
    assert [kind.fp32_precision for kind in kinds] == before


def test_one_device_runs_here_and_its_errors_come_as_they_are():
    def fail(fabric, text):
        assert fabric.world_size == 1
        raise KeyError(text)

    with pytest.raises(KeyError, match="as it is"):
        launch(Compute(), fail, "as it is")


def test_parts_make_up_the_batch():
    ranks = [SimpleNamespace(world_size=3, global_rank=rank) for rank in range(3)]
    batch = list(range(12))
    assert [number for rank in ranks for number in batch[share(rank, 12)]] == batch
    with pytest.raises(EngineError, match="10 cannot be shared equally by 3"):
        share(ranks[0], 10)
