"""The configuration to start from: it equals the one in the README, and a run can be planned with it."""

import re
from pathlib import Path

import pytest
import torch
import yaml
from workflow import Project

from pipeline.config.load import load_config
from pipeline.recognition.weights import resolve
from pipeline.superres.networks import load_network

FILE = "config/own-data.yaml"


@pytest.fixture
def raw(root) -> dict:
    return yaml.safe_load((root / FILE).read_text())


@pytest.fixture
def data(tmp_path) -> Path:
    """Data of the file's names, at their smallest; nothing is decoded before the first job."""
    folder = tmp_path / "data"
    files = {
        "CDVL-134/a.mp4": "",
        "UCF-101/Archery/v_Archery_g08_c01.avi": "",
        "UCF-101/Archery/v_Archery_g01_c01.avi": "",
        "ucfTrainTestlist/classInd.txt": "1 Archery\n",
        "ucfTrainTestlist/trainlist01.txt": "Archery/v_Archery_g08_c01.avi 1\n",
        "ucfTrainTestlist/testlist01.txt": "Archery/v_Archery_g01_c01.avi\n",
    }
    for name in ("golf", "jump"):
        files |= {f"hmdb51_org/{name}/{n}.avi": "" for n in ("a", "b")}
        files[f"testTrainMulti_7030_splits/{name}_test_split1.txt"] = "a.avi 1\nb.avi 2\n"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_readme_shows_the_file(root):
    section = (root / "README.md").read_text().split("## Your own data")[1]
    assert re.search(r"```yaml\n(.*?)```", section, re.DOTALL)[1] == (root / FILE).read_text()


def test_it_needs_nothing_but_data(raw, data):
    """No weights are missing, and every network is one that its arguments make."""
    config = load_config(raw | {"data_root": str(data)})
    for model in config.superres.models.values():
        with torch.device("meta"):
            load_network(model.network, model.args)
    for recognizer in config.recognition.recognizers.values():
        assert resolve(recognizer.initial_weights).is_file()


@pytest.mark.slow
def test_readmes_command_plans_every_stage(root, data, tmp_path):
    project = Project.copy(root, tmp_path / "project")
    (project.folder / "own-data.yaml").write_text((root / FILE).read_text().replace("/data", str(data), 1))
    text = (root / "README.md").read_text()
    (command,) = re.findall(r"^    snakemake (--cores 8 --configfile own-data.yaml .*)$", text, re.M)
    result = project.snakemake("--dry-run", *command.split())
    assert "missing" not in result.stderr
    for rule in ("train_sr", "train_recognizer", "super_resolve", "score_clips", "aggregate"):
        assert re.search(rf"^{rule} +\d+$", result.stdout, re.M)
