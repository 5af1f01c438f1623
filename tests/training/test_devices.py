"""Devices of a training, and the parts of a batch that they get."""

import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch

from pipeline.config import Compute
from pipeline.training.devices import DeviceProcessError, launch, share
from pipeline.training.torch_settings import DeviceError, torch_settings


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
    with pytest.raises(DeviceProcessError, match="10 cannot be shared equally by 3"):
        share(ranks[0], 10)


SPREAD = """
import sys, time
from pathlib import Path
from pipeline.config import Compute
from pipeline.training.devices import launch
from pipeline.files import atomic_path
from pipeline.termination import signals_as_exceptions

def train(fabric, out):
    if fabric.is_global_zero:
        with atomic_path(out):
            time.sleep(60)
    time.sleep(60)

if __name__ == "__main__":
    with signals_as_exceptions():
        launch(Compute(devices=2), train, Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_a_signal_ends_all_processes_of_a_training(root, tmp_path):
    (tmp_path / "spread.py").write_text(SPREAD)
    out = tmp_path / "out" / "model.pt"
    command = [sys.executable, str(tmp_path / "spread.py"), str(out)]
    environment = os.environ | {"PYTHONPATH": str(root)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        while not list(out.parent.glob(".model.pt.*")) and process.poll() is None:
            time.sleep(0.1)
        process.terminate()
        assert process.wait(50) == 128 + signal.SIGTERM
    assert list(out.parent.iterdir()) == []
