"""The pipeline on a real GPU compared with the CPU: ``pytest -m gpu``."""

from pathlib import Path

import pytest
import torch
import yaml

from pipeline.config import Compute
from pipeline.superres.networks import load_network
from pipeline.training.torch_settings import torch_settings
from pipeline.weights.checkpoint import read_own
from tests.networks import SMALL

pytestmark = pytest.mark.gpu
DEVICE = "cuda"


@pytest.fixture(autouse=True, scope="session")
def gpus() -> int:
    """How many GPUs there are."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return torch.cuda.device_count()


@pytest.mark.parametrize("name", SMALL)
def test_networks_and_their_gradients_have_the_cpus_numbers(name):
    torch.manual_seed(0)
    network = load_network(name, SMALL[name]).eval()
    lr = torch.rand(2, network.frames, 3, 12, 16)
    found = []
    for device in ("cpu", DEVICE):
        with torch_settings(Compute(device=device)) as place:
            network.to(place).zero_grad()
            sr = network(lr.to(place))
            if name != "bicubic":
                sr.square().sum().backward()
            found.append([sr.detach().cpu(), *(p.grad.cpu().clone() for p in network.parameters())])
    for cpu, gpu in zip(*found, strict=True):
        torch.testing.assert_close(gpu, cpu, rtol=1e-3, atol=1e-4 * float(cpu.abs().max()))


def _trained(folder: Path) -> dict[str, float]:
    """Validation PSNR of the SR networks of a run."""
    checkpoints = sorted((folder / "superres" / "models").glob("*.safetensors"))
    return {path.stem: read_own(path)["metadata"]["psnr"] for path in checkpoints}


@pytest.fixture
def run(gpus, micro_project, tmp_path):
    """Make the micro table with a ``compute`` section."""

    def make(**compute: object) -> Path:
        table, over = tmp_path / "table4.csv", tmp_path / "over.yaml"
        over.write_text(yaml.safe_dump({"output": str(tmp_path), "compute": {"device": DEVICE} | compute}))
        configs = ["--configfile", "tests/micro/config.yaml", over]
        micro_project.snakemake("--cores", "2", *configs, "--", table)
        return table

    return make


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_the_whole_run(run, micro_table, precision):
    table = run(precision=precision)
    assert table.read_text().count("\n") == micro_table.read_text().count("\n")
    assert _trained(table.parent) == pytest.approx(_trained(micro_table.parent), abs=0.3)


@pytest.mark.slow
def test_the_whole_run_on_two_gpus(gpus, run, micro_table):
    if gpus < 2:
        pytest.skip("one CUDA device")
    # BN sees a GPU's part of a batch.
    assert _trained(run(devices=2).parent) == pytest.approx(_trained(micro_table.parent), abs=1.0)
