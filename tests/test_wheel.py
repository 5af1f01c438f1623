"""The built wheel in a separate environment, called from a folder outside the checkout."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import yaml

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


def build(source: Path, folder: Path) -> Path:
    """The wheel of a checkout or of an sdist."""
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder]
    run([sys.executable, "-m", "pip", "wheel", *options, source])
    (built,) = folder.glob("*.whl")
    return built


def files(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.startswith("recosr-")}


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory) -> Path:
    return build(root, tmp_path_factory.mktemp("wheel"))


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


@pytest.fixture
def recosr(python, tmp_path, monkeypatch):
    """Calls the console script in a folder whose packages and profiles must not be used."""
    for name in ("pipeline", "numpy", "snakemake"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('the wrong package')\n")
    for folder in ("default", "profiles/default"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "config.yaml").write_text("quiet: all\n")
    return lambda *words: run([python.with_name("recosr"), *words], cwd=tmp_path)


def test_it_holds_the_package_and_the_workflow(wheel, root):
    def below(*parts: str) -> set[str]:
        paths = [path for part in parts for path in (root / part, *(root / part).rglob("*"))]
        named = {path.relative_to(root).as_posix() for path in paths if path.is_file()}
        return {name for name in named if "__pycache__" not in name}

    workflow = below("Snakefile", "rules", "config.yaml", "config", "profiles", "envs", "docs/config.md")
    assert files(wheel) == below("pipeline") | {f"pipeline/workflow/{name}" for name in workflow}


def test_an_sdist_makes_the_same_wheel(wheel, root, tmp_path):
    run([sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", tmp_path], cwd=root)
    (sdist,) = tmp_path.glob("*.tar.gz")
    assert files(build(sdist, tmp_path)) == files(wheel)


def test_it_plans_the_demo_in_any_folder(recosr):
    assert recosr("--help").startswith("usage: recosr COMMAND")
    planned = recosr("run", "--dry-run")
    assert "rule generate_demo:" in planned
    assert "results/table4.csv" in planned


def test_it_runs_an_experiment_in_any_folder(recosr, root, tmp_path):
    """A job of a copied example configuration, with all settings of the default profile."""
    where = Path(recosr("path").strip())
    raw = yaml.safe_load((where / "config.yaml").read_text())
    assert raw == yaml.safe_load((root / "config.yaml").read_text())
    raw["demo"] |= {
        "height": 48,
        "frames": 7,
        "train_clips": 1,
        "test_clips": 1,
        "videos": 1,
        "video_frames": 7,
    }
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(raw | {"output": "mine"}))
    recosr("run", "--configfile", "c.yaml", "--", "mine/data/ucf_demo/manifest.csv")
    assert set(pd.read_csv(tmp_path / "mine/data/ucf_demo/manifest.csv")["split"]) == {"train", "test"}
    assert not list((tmp_path / ".snakemake/locks").glob("*"))


def test_the_installed_snakefile_serves_snakemake_itself(python, recosr, tmp_path):
    snakefile = Path(recosr("path").strip()) / "Snakefile"
    planned = run([python, "-P", "-m", "snakemake", "--dry-run", "--snakefile", snakefile], cwd=tmp_path)
    assert "rule generate_demo:" in planned


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
    request = ListClips(name="demo", dataset=UCF101(layout="ucf101"), scale=4).text()
    run([*stage, "list-clips", "--request", request, *listing], cwd=tmp_path)
    assert set(pd.read_csv(tmp_path / "m.csv")["split"]) == {"train", "test"}


def test_it_estimates_a_run(python, tmp_path, root):
    """From the measured times in the wheel; the data are missing, which the report says."""
    command = [python, "-m", "pipeline", "preflight", "--config", root / "config/own-data.yaml"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "CPU hours are of one core" in result.stdout
    assert "of the data and weights are missing" in result.stderr
