"""A SLURM cluster for the tests, and the profile as edited by a user of that cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from slurm.cluster import SNAKEMAKE, cluster, missing_commands
from snakemake_server import snakemake
from workflow import Project

HERE = Path(__file__).parent

# Takes the place of the package's stages in a copy of the project, since the test machine may have no GPU. A
# training holds the GPU for HOLD seconds, or until it meets another one. Files that a stage is asked for are
# made empty.
STAGE = """import os, sys, time
from pathlib import Path
stage, arguments = sys.argv[1], sys.argv[2:]
if stage == "train-sr":
    mine = Path("running") / str(os.getpid())
    mine.parent.mkdir(exist_ok=True)
    mine.touch()
    Path("jobs").open("a").write(os.environ.get("CUDA_VISIBLE_DEVICES", "all") + "\\n")
    if os.environ.get("OUT_OF_MEMORY"):
        os.kill(os.getpid(), 9)
    end = time.monotonic() + float(os.environ["HOLD"])
    while time.monotonic() < end and not Path("met").exists():
        if len(list(mine.parent.iterdir())) > 1:
            Path("met").touch()
        time.sleep(0.05)
    mine.unlink()
for path in map(Path, arguments):
    if path.parts[:1] == ("results",) and not path.exists():
        path.mkdir() if stage == "generate-demo" else path.touch()
"""


@pytest.fixture(scope="session")
def slurm_environment(tmp_path_factory) -> dict[str, str]:
    """A running cluster; what differs from this process's environment for its users."""
    if os.geteuid() != 0:
        pytest.skip(f"a SLURM cluster must be started by root, this is uid {os.geteuid()}")
    if missing_commands() and shutil.which("apt-get"):
        result = subprocess.run([HERE / "install.sh"], capture_output=True, text=True, timeout=600)
        if result.returncode:
            pytest.skip(f"tests/slurm/install.sh failed: {(result.stdout + result.stderr)[-1500:]}")
    if missing := missing_commands():
        pytest.skip(f"{', '.join(missing)} not found, and no apt-get to install SLURM with")
    with cluster(tmp_path_factory.mktemp("slurm")) as environment:
        yield {name: environment[name] for name in ("SLURM_CONF", "PATH")}


@pytest.fixture
def slurm(slurm_environment, monkeypatch) -> None:
    """This test's commands reach the cluster."""
    for name, value in slurm_environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def profile(root: Path, tmp_path: Path) -> Path:
    """profiles/slurm with the partition of the cluster's GPUs, and made for jobs of seconds."""
    settings = yaml.safe_load((root / "profiles/slurm/config.yaml").read_text())
    settings["set-resources"]["train_sr"]["slurm_partition"] = "gpu"
    settings |= {"jobs": 4, "latency-wait": 10}
    folder = tmp_path / "profile"
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    return folder


@pytest.fixture
def train(root: Path, tmp_path: Path, monkeypatch) -> Callable[..., subprocess.Popen[str]]:
    """Start trainings of a device with Snakemake's flags in ``tmp_path``, with ``STAGE`` as every stage."""

    def run(device: str, models: list[str], *flags: str, hold: float) -> subprocess.Popen[str]:
        install = tmp_path / "install"
        if not install.exists():
            Project.copy(root, install)
            # No stage computes anything, so that the device need not be there.
            with (install / "pipeline/training/torch_settings.py").open("a") as file:
                file.write("\n\ndef check_devices(compute, count=1):\n    return\n")
        (install / "pipeline" / "__main__.py").write_text(STAGE)
        monkeypatch.setenv("HOLD", str(hold))
        config = yaml.safe_load((root / "config.yaml").read_text()) | {"compute": {"device": device}}
        (install / "config.yaml").write_text(yaml.safe_dump(config))
        where = ["--snakefile", str(install / "Snakefile")]
        # Only the trainings are of interest: what they need is made here first.
        made = snakemake(tmp_path, [*where, "--cores", "4", "--", "results/patches/sosr.h5"])
        assert made.returncode == 0, made.stderr
        targets = [f"results/superres/models/{model}.safetensors" for model in models]
        return subprocess.Popen(
            [*SNAKEMAKE, *where, *flags, "--", *targets],
            cwd=tmp_path,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    return run
