"""The experiment on real clips: planned whole, and its first stages run."""

import collections
import csv

import pytest
import yaml
from real import count_clips
from workflow import Project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(root, tmp_path_factory) -> Project:
    return Project.copy(root, tmp_path_factory.mktemp("real"))


@pytest.fixture
def arguments(real_data) -> list[str]:
    return ["--configfile", "config/real-small.yaml", "--config", f"data_root={real_data}"]


def test_the_whole_table_is_planned(project, arguments):
    jobs = collections.Counter(job.split()[0] for job in project.planned(*arguments))
    # Two published networks are not trained; RRDB is trained, but no row of its own.
    assert jobs["train_sr"] == 8
    assert jobs["super_resolve"] == 2 * 10
    assert jobs["train_recognizer"] == 2 * 5
    assert jobs["score_clips"] == 2 * (11 + 12)
    assert jobs["generate_demo"] == 0


def test_all_tables_are_planned(project, arguments):
    jobs = collections.Counter(job.split()[0] for job in project.planned(*arguments, "--", "tables"))
    assert jobs["train_sr"] == 8 + 4
    assert jobs["measure_quality"] == 2 * 10
    # Four ablations with both recognisers, three rows of figure 8 with two mixtures, on HMDB51.
    assert jobs["score_clips"] == 2 * (11 + 12) + 2 * 4 + 2 * 3
    # ST-ResNet's pairs of eleven rows, but for SoSR+ToSR, which is a row.
    assert jobs["score_pair"] == 2 * (11 * 10 - 1)
    assert jobs["train_recognizer"] == 2 * 5 + 2 * 2
    assert jobs["tabulate"] == 7


def test_official_lists_decide_the_splits(project, arguments, root, real_data):
    output = "results/real-small/data"
    project.snakemake(
        "--cores", "2", *arguments, "--", f"{output}/ucf101/manifest.csv", f"{output}/hmdb51/manifest.csv"
    )
    settings = yaml.safe_load((root / "config" / "real-small.yaml").read_text())
    for name in ("ucf101", "hmdb51"):
        section = settings["datasets"][name]
        expected = collections.Counter()
        for one in section["classes"]:
            there = count_clips(real_data, name, [one])
            expected += {use: min(count, section["limit"].get(use, count)) for use, count in there.items()}
        with (project.folder / output / name / "manifest.csv").open() as file:
            found = collections.Counter(clip["split"] for clip in csv.DictReader(file))
        left_out = (project.folder / output / name / "left_out.csv").read_text()
        found["unlisted"] = left_out.count("not in the lists")
        assert found == expected
        assert found["train"] > 0
        assert found["test"] > 0


def test_missing_data_stop_the_run_before_its_first_job(project, tmp_path):
    result = project.snakemake(
        *["--cores", "1", "--configfile", "config/real-small.yaml", "--config", f"data_root={tmp_path}"],
        check=False,
    )
    assert result.returncode != 0
    message = result.stdout + result.stderr
    assert f"datasets.hmdb51.root: {tmp_path}/hmdb51 does not exist" in message
    assert "superres.models.vdsr.weights" in message
    assert "Traceback" not in message
