"""The built wheel in a separate environment, called from a folder outside the checkout."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from pipeline.config import Demo
from pipeline.data.layouts.ucf101 import UCF101
from pipeline.data.request import GenerateDemo, ListClips

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]

FLOW = """
import numpy as np
from pipeline.config import TVL1
from pipeline.flow.tvl1 import tvl1

rng = np.random.default_rng(0)
first = np.kron(rng.integers(0, 256, (12, 16)), np.ones((4, 4))).astype(np.uint8)
flow = tvl1(first, np.roll(first, 1, axis=1), TVL1())
print(float(np.median(flow[0])), float(np.median(flow[1])))
"""


def run(command: list, **options) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    result = subprocess.run([*map(str, command)], env=environment, capture_output=True, text=True, **options)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    return result.stdout


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory) -> Path:
    """The wheel, built from a copy: setuptools leaves folders beside the sources, and reads old ones."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, folder)
    shutil.copytree(root / "pipeline", folder / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    build = [
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--wheel-dir",
        folder,
        folder,
    ]
    run([sys.executable, "-m", "pip", *build])
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory) -> Path:
    """Python of an environment that holds the wheel alone; the tests' own environment lends what it needs.

    Installing torch once more would take minutes, so a .pth file names that environment's packages.
    """
    folder = tmp_path_factory.mktemp("environment")
    run([sys.executable, "-m", "venv", "--without-pip", folder])
    python = folder / "bin" / "python"
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    probe = "import importlib.util as i, numpy; print(i.find_spec('pipeline'))"
    assert run([python, "-c", probe], cwd=folder).strip() == "None"
    install = ["install", "--quiet", "--no-deps", "--no-index", wheel]
    run([sys.executable, "-m", "pip", "--python", python, *install])
    return python


def test_it_holds_every_file_of_the_package(wheel, root):
    files = {
        path.relative_to(root).as_posix()
        for path in (root / "pipeline").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        assert files <= set(archive.namelist())
        assert not [n for n in archive.namelist() if not n.startswith(("pipeline/", "recosr-"))]


def test_it_computes_a_flow(python, tmp_path, monkeypatch):
    monkeypatch.setenv("RECOSR_CACHE", str(tmp_path / "cache"))
    where = run([python, "-c", "import pipeline; print(pipeline.__file__)"], cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(python.parent.parent)
    x, y = map(float, run([python, "-c", FLOW], cwd=tmp_path).split())
    assert (x, y) == pytest.approx((1, 0), abs=0.1)


def test_it_runs_stages(python, tmp_path):
    demo = Demo(height=48, frames=7, train_clips=1, test_clips=1, videos=1, video_frames=7)
    demo = GenerateDemo.of(demo, kind="ucf101", seed=0).text()
    stage = [python, "-m", "pipeline"]
    generate = ["generate-demo", "--request", demo]
    run([*stage, *generate, "--folder", "demo"], cwd=tmp_path)
    listing = ["--root", "demo/videos", "--splits", "demo/splits", "--out", "m.csv", "--left-out", "l.csv"]
    request = ListClips(name="demo", dataset=UCF101(layout="ucf101")).text()
    run([*stage, "list-clips", "--request", request, *listing], cwd=tmp_path)
    assert set(pd.read_csv(tmp_path / "m.csv")["split"]) == {"train", "test"}


def test_it_estimates_a_run(python, tmp_path, root):
    """From the measured times in the wheel; the data are missing, which the report says."""
    command = [python, "-m", "pipeline", "preflight", "--config", root / "config/own-data.yaml"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "CPU hours are of one core" in result.stdout
    assert "of the data and weights are missing" in result.stderr
