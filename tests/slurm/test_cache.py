"""Snakemake's between-workflow cache: runs share what config, code and data make equal, nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from workflow import Project

pytestmark = pytest.mark.slow

CACHED = ("extract_training_flow", "crop_patches")


class Runs:
    """Runs of the early stages, on few and short videos, that share one cache."""

    def __init__(self, project: Project, folder: Path) -> None:
        self.project, self.folder = project, folder
        self.config = yaml.safe_load((project.folder / "config.yaml").read_text())
        self.config["demo"] |= {"videos": 2, "video_frames": 16}
        self.config["patches"] |= {"frames_per_video": 8, "crops": 2}

    def files(self, name: str) -> dict[str, tuple[str, int]]:
        """Flow and patches of a run into the folder ``name``: their files in the cache, and since when."""
        output = self.folder / name
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(self.config | {"output": str(output)}, sort_keys=False))
        patches = output / "patches/sosr.h5"
        self.project.snakemake("--cores", "2", "--configfile", path, "--cache", *CACHED, "--", patches)
        flow = output / "flow/training_videos/tvl1-gap1/0.h5"
        assert patches.is_symlink()
        assert flow.is_symlink()
        files = {"flow": flow.resolve(), "patches": patches.resolve()}
        return {kind: (path.name, path.stat().st_mtime_ns) for kind, path in files.items()}


@pytest.fixture
def runs(root, tmp_path, monkeypatch) -> Runs:
    (tmp_path / "cache").mkdir()
    monkeypatch.setenv("SNAKEMAKE_OUTPUT_CACHE", str(tmp_path / "cache"))
    return Runs(Project.copy(root, tmp_path / "project"), tmp_path)


def test_key_holds_config_and_code(runs):
    first = runs.files("first")
    assert runs.files("second") == first

    runs.config["patches"]["crops"] = 1
    other_crops = runs.files("other_crops")
    assert other_crops["flow"] == first["flow"]
    assert other_crops["patches"] != first["patches"]

    runs.config["patches"]["crops"] = 2
    code = runs.project.folder / "pipeline/patches/crop.py"
    code.write_text(code.read_text() + "\nCHANGED = True\n")
    other_code = runs.files("other_code")
    assert other_code["flow"] == first["flow"]
    assert other_code["patches"] not in (first["patches"], other_crops["patches"])


def test_key_holds_the_videos_of_a_given_folder(runs):
    """Real data: folders that the config names instead of generated ones."""
    runs.files("demo")
    videos = runs.folder / "videos"
    shutil.copytree(runs.folder / "demo/demo/training_videos", videos)
    runs.config["demo"] = None
    runs.config["training_videos"]["root"] = str(videos)
    lists = {
        "ucf_demo": {"classInd.txt": "1 A", "trainlist01.txt": "A/v_A_g02_c01.avi 1", "testlist01.txt": ""},
        "hmdb_demo": {"a_test_split1.txt": "a.avi 1"},
    }
    for name, dataset in runs.config["datasets"].items():
        for key in ("root", "splits"):
            dataset[key] = str(runs.folder / name / key)
            (runs.folder / name / key).mkdir(parents=True)
        for file, text in lists[name].items():
            (runs.folder / name / "splits" / file).write_text(text + "\n")
    for clip in ("ucf_demo/root/A/v_A_g02_c01.avi", "hmdb_demo/root/a/a.avi"):
        (runs.folder / clip).parent.mkdir()
        (runs.folder / clip).write_bytes(b"a clip")
    first = runs.files("first")
    assert runs.files("second") == first
    next(videos.glob("*.avi")).unlink()
    assert set(runs.files("fewer").values()).isdisjoint(first.values())
