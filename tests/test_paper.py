"""The paper's experiment, planned at its full size without its data; and data given as archives."""

import collections
import copy
import io
import re
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from snakemake.utils import update_config
from workflow import Project

from pipeline.config.data import Dataset
from pipeline.config.load import load_config
from pipeline.plugins import find
from pipeline.preflight.cost import Estimate
from pipeline.preflight.counts import count_clips, count_videos
from pipeline.video.frames import write_video

pytestmark = pytest.mark.slow

TABLE = "results/paper/table4.csv"
OFFICIAL = {"ucf101": (13_320, 9_537, 3_783), "hmdb51": (6_766, 3_570, 1_530)}


@pytest.fixture(scope="module")
def project(root, tmp_path_factory) -> Project:
    return Project.copy(root, tmp_path_factory.mktemp("paper"))


def jobs_of(result) -> dict[str, int]:
    """Jobs of each rule, from the table that Snakemake prints."""
    return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", result.stdout, re.M)}


def plan(project: Project, config: Path | str, *options: str):
    arguments = ["--configfile", config, *(["--config", *options] if options else [])]
    return project.snakemake("--dry-run", *arguments, "--", TABLE)


def empty_videos(lists: Path, name: str, folder: Path) -> None:
    """An empty file for every clip that the official lists name, as the data set has them."""
    for entry in find(Dataset, name)(layout=name).read_lists(lists).entries:
        path = folder / f"{entry.id}.avi"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_the_whole_experiment_is_planned_without_data(project, root):
    result = plan(project, "config/paper.yaml")
    jobs = jobs_of(result)
    raw = yaml.safe_load((root / "config/paper.yaml").read_text())
    config = load_config(raw, data_must_exist=False)
    estimate = Estimate(config, {n: count_clips(config, n) for n in config.datasets}, count_videos(config))
    assert {work.rule: work.jobs for work in estimate.work()} == {
        r: n for r, n in jobs.items() if r != "total"
    }
    assert 1_000 < jobs["total"] < 3_000
    assert "a run stops before its first job" in result.stderr
    assert "UCF101.rar from https://www.crcv.ucf.edu" in result.stderr


def test_the_rehearsal_is_the_same_graph_with_all_trainings_short(project, root):
    files = [root / "config/paper.yaml", root / "config/rehearsal.yaml"]
    raw, short = (yaml.safe_load(path.read_text()) for path in files)
    before = load_config(copy.deepcopy(raw), data_must_exist=False)
    update_config(raw, short)
    config = load_config(raw, data_must_exist=False)
    trainings = {n: m.training for n, m in config.superres.models.items() if m.training}
    for dataset in config.datasets:
        for name, spec in config.recognition.recognizers.items():
            for stream in spec.streams:
                for number, stage in enumerate(spec.trained(stream, dataset).stages):
                    trainings[dataset, name, stream, number] = stage
    assert len(trainings) == 16 + 2 * 4 + 2 * 2
    assert {training.iterations for training in trainings.values()} == {4}
    for name, model in before.superres.models.items():
        now = config.superres.models[name]
        assert (now.network, now.args, now.init) == (model.network, model.args, model.init)
        assert not model.training or now.training.losses == model.training.losses
    jobs, whole = (
        jobs_of(project.snakemake("--dry-run", "--configfile", *chosen, "--", "tables"))
        for chosen in (files, files[:1])
    )
    assert jobs.keys() == whole.keys()
    assert jobs["total"] < whole["total"] / 5


def test_it_is_planned_from_the_official_lists_and_named_files(project, root, real_data, tmp_path):
    raw = yaml.safe_load((root / "config/paper.yaml").read_text())
    for name in OFFICIAL:
        lists, videos = real_data / "splits" / name, tmp_path / name
        empty_videos(lists, name, videos)
        raw["datasets"][name] |= {"root": str(videos), "splits": str(lists)}
    config = tmp_path / "paper.yaml"
    config.write_text(yaml.safe_dump(raw))
    result = plan(project, config, f"data_root={tmp_path}")
    for files, train, test in OFFICIAL.values():
        assert f"{files:,} video files, {train:,} train and {test:,} test clips" in result.stderr
    assert "BUT" not in result.stderr
    assert jobs_of(result)["total"] > 1_000


def test_a_run_without_the_data_stops_before_its_first_job(project):
    result = project.snakemake("--cores", "1", "--configfile", "config/paper.yaml", "--", TABLE, check=False)
    assert result.returncode != 0
    message = result.stdout + result.stderr
    for key in ("training_videos.root", "datasets.hmdb51.splits", "flow.flownet2.weights", "initial_weights"):
        assert key in message
    assert "Traceback" not in message
    assert not (project.folder / "results").exists()


def archives(folder: Path) -> None:
    """Two classes of two clips in UCF101's layout, as a tar of zips and a zip of lists."""
    video = folder / "clip.avi"
    write_video(video, iter(np.random.default_rng(0).integers(0, 255, (8, 48, 64, 3), np.uint8)), 25)
    with tarfile.open(folder / "UCF101.tar", "w") as file:
        for name in ("Archery", "YoYo"):
            inner = io.BytesIO()
            with zipfile.ZipFile(inner, "w") as clips:
                for group in ("g01", "g08"):
                    clips.write(video, f"{name}/v_{name}_{group}_c01.avi")
            info = tarfile.TarInfo(f"UCF-101/{name}.zip")
            info.size = len(inner.getvalue())
            file.addfile(info, io.BytesIO(inner.getvalue()))
    with zipfile.ZipFile(folder / "lists.zip", "w") as file:
        file.writestr("ucfTrainTestlist/classInd.txt", "1 Archery\n2 YoYo\n")
        for split, group in (("train", "g08"), ("test", "g01")):
            lines = [f"{name}/v_{name}_{group}_c01.avi" for name in ("Archery", "YoYo")]
            file.writestr(f"ucfTrainTestlist/{split}list01.txt", "\n".join(lines))


@pytest.fixture(scope="module")
def unpacked(root, project, tmp_path_factory):
    """Snakemake's arguments, and the manifest that they made of archives."""
    folder = tmp_path_factory.mktemp("archives")
    archives(folder)
    raw = yaml.safe_load((root / "config/real-small.yaml").read_text())
    dataset = {"layout": "ucf101", "root": "UCF101.tar", "splits": "lists.zip"}
    raw |= {"data_root": str(folder), "output": "results/archives", "datasets": {"ucf101": dataset}}
    for recognizer in raw["recognition"]["recognizers"].values():
        for stream in ("spatial", "temporal"):
            recognizer[stream].pop("per_dataset", None)
    raw["training_videos"]["root"] = "."
    raw["superres"]["models"] = {"bicubic": {"network": "bicubic"}}
    raw["methods"] = {"bicubic": {"model": "bicubic"}}
    raw["report"]["pictured"] = ["bicubic"]
    del raw["tables"]
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(raw))
    manifest = "results/archives/data/ucf101/manifest.csv"
    arguments = ["--configfile", str(config), "--", manifest]
    project.snakemake("--cores", "1", *arguments)
    return arguments, project.folder / manifest


@pytest.mark.xdist_group("archives")
def test_archives_are_unpacked_and_listed(unpacked, project):
    lines = unpacked[1].read_text().splitlines()[1:]
    assert [line.split(",")[0] for line in lines] == [
        *["Archery/v_Archery_g08_c01", "YoYo/v_YoYo_g08_c01"],
        *["Archery/v_Archery_g01_c01", "YoYo/v_YoYo_g01_c01"],
    ]
    assert all(Path(project.folder, line.split(",")[1]).is_file() for line in lines)
    assert project.planned(*unpacked[0]) == set()


@pytest.mark.xdist_group("archives")
def test_changed_unpacking_unpacks_and_lists_again(unpacked, project):
    module = project.folder / "pipeline/data/archive.py"
    before = module.read_text()
    try:
        module.write_text(before + "\nCHANGED = True\n")
        rules = collections.Counter(job.split()[0] for job in project.planned(*unpacked[0]))
    finally:
        module.write_text(before)
    assert rules == {"unpack_archive": 2, "list_clips": 1}
