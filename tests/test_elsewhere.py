"""The checkout and the experiment are in different places."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from workflow import Project

from pipeline.video.frames import write_video
from pipeline.video.store import ShardReader

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("elsewhere")]

NETWORK = """
from torch.nn import functional as F

from pipeline.superres.network import ImageNetwork


class Nearest(ImageNetwork):
    def super_resolve(self, lr):
        return F.interpolate(lr, scale_factor=4.0)
"""
OUTPUT = 'out [1] it\'s * $x; & "~"'
FRAMES = f"{OUTPUT}/superres/frames/mine/nearest/test-0.h5"


@pytest.fixture(scope="module")
def install(root, tmp_path_factory) -> Path:
    """A checkout in a folder with an awkward name, which nobody may write to."""
    folder = tmp_path_factory.mktemp("a place") / "it's [here] $HOME"
    Project.copy(root, folder)
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)
    return folder


@pytest.fixture
def experiment(tmp_path) -> Path:
    """A folder with data and a network of one's own, and with packages that must not be imported."""
    folder = tmp_path / "experiment"
    lists = {
        "classInd.txt": "1 Archery\n2 Diving\n",
        "trainlist01.txt": "Archery/v_Archery_g08_c01.avi 1\nDiving/v_Diving_g08_c01.avi 2\n",
        "testlist01.txt": "Archery/v_Archery_g01_c01.avi\nDiving/v_Diving_g01_c01.avi\n",
    }
    (folder / "splits").mkdir(parents=True)
    for name, text in lists.items():
        (folder / "splits" / name).write_text(text)
    rng = np.random.default_rng(0)
    for name in ("Archery", "Diving"):
        for group in ("g08", "g01"):
            frames = rng.integers(0, 256, (9, 24, 32, 3), dtype=np.uint8)
            write_video(folder / "my {videos}" / name / f"v_{name}_{group}_c01.avi", frames, 25)
    for name in ("pipeline", "numpy", "torch"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise ImportError('the wrong package')\n")
    (folder / "config.yaml").write_text("this is: another program's\n")
    (folder / "my_networks.py").write_text(NETWORK)
    return folder


def write_config(path: Path, root: Path) -> Path:
    raw = yaml.safe_load((root / "tests/micro/config.yaml").read_text())
    for key in ("demo", "tables", "quality"):
        raw.pop(key, None)
    raw |= {
        "output": OUTPUT.replace("$", "$$"),
        "training_videos": {"root": "my {videos}"},
        "datasets": {"mine": {"layout": "ucf101", "root": "my {videos}", "splits": "splits"}},
        "methods": {"nearest": {"model": "nearest"}},
        "report": {"pictured": ["nearest"]},
    }
    raw["superres"]["models"] = {"nearest": {"network": "my_networks:Nearest"}}
    path.write_text(yaml.safe_dump(raw))
    return path


def snakemake(cwd: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).parent / "snakemake", *map(str, arguments)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    result = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert result.returncode == 0 or not check, result.stdout[-2000:] + result.stderr[-4000:]
    return result


@pytest.mark.parametrize("way", ["from the experiment", "from anywhere"])
def test_a_run_elsewhere(install, experiment, root, tmp_path, way):
    """A package of the installation, a network of the working folder, and neither hides the other.

    Names of data and output folders hold what shells, globs and Snakemake read as more than letters.
    """
    config = write_config(tmp_path / "c.yaml", root)
    before = {path for path in install.rglob("*") if "__pycache__" not in path.parts}
    if way == "from anywhere":
        where, chosen = tmp_path, ["--directory", "experiment", "--configfile", "c.yaml"]
    else:
        where, chosen = experiment, ["--configfile", config]
    snakemake(where, "--cores", "1", "--snakefile", install / "Snakefile", *chosen, "--", FRAMES)
    with ShardReader(experiment / FRAMES) as store:
        assert store
    assert before == {path for path in install.rglob("*") if "__pycache__" not in path.parts}


def test_the_demos_configuration_lies_beside_the_snakefile(install, experiment):
    planned = snakemake(experiment, "--dry-run", "--snakefile", install / "Snakefile").stdout
    assert "generate_demo" in planned
    assert "results/table4.csv" in planned


def test_a_target_of_another_folder_is_reported_where_results_go(install, experiment):
    options = ["--dry-run", "--snakefile", install / "Snakefile", "--config", "output=new", "--"]
    result = snakemake(experiment, *options, "results/table4.csv", check=False)
    message = result.stdout + result.stderr
    assert "results/table4.csv: not a file of this run; the configuration writes to new" in message
    assert "give a target such as new/table4.csv" in message
    assert "MissingRule" not in message
    assert "aggregate" in snakemake(experiment, *options, "new/table4.csv", "figures").stdout


def test_a_key_twice_stops_before_planning(install, experiment, root, tmp_path):
    config = write_config(tmp_path / "c.yaml", root)
    config.write_text(config.read_text() + "seed: 5\n")
    options = ["--dry-run", "--snakefile", install / "Snakefile", "--configfile", config]
    result = snakemake(experiment, *options, check=False)
    assert result.returncode != 0
    assert "seed is there 2 times" in result.stdout + result.stderr
