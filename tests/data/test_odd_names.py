"""Unusual names in the data stages: listed, decoded, stored and planned, in every locale."""

import csv
import os
import shutil
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
from layouts import dataset as dataset_in
from layouts import degrading, list_clips, list_videos

from pipeline import config
from pipeline.data.manifest import read_manifest
from pipeline.data.plan import ClipPlan, read_plan, write_plan
from pipeline.data.prepare import prepare_clips
from pipeline.data.request import ListClips, PrepareClips
from pipeline.video.frames import write_video
from pipeline.video.store import ShardReader

CLASS = "skiing (not slalom or crosscountry)"
NAMES = [
    *("v_José_g21", "v_射箭_g22", "v_🏹_g23", "-lead", "a'b\"c", "semi;am&dollar$HOME", "rock, paper", "{x}"),
    *("#2_(Gum)_[x]!", "50% *?", "a  b ", "v.avi_c01", "x.mp4"),
]
LATIN = os.fsdecode("v_André".encode("latin-1"))


@pytest.fixture
def tree(tmp_path):
    """HMDB51's layout: every name for training, one more for test, and a name that is not UTF-8."""
    folder = tmp_path / "my data (new) [1] & it's {x} 50%"
    videos = folder / "videos" / CLASS
    source = tmp_path / "clip.avi"
    content = np.random.default_rng(0).integers(0, 256, (3, 16, 20, 3), dtype=np.uint8)
    write_video(source, content, 25)
    videos.mkdir(parents=True)
    for name in (*NAMES, LATIN, "test"):
        # As a Mac writes it.
        shutil.copy(source, videos / f"{unicodedata.normalize('NFD', name)}.avi")
    (folder / "splits").mkdir()
    lines = [f"{name}.avi 1\n" for name in (*NAMES, LATIN)]
    (folder / "splits" / f"{CLASS}_test_split1.txt").write_bytes(
        os.fsencode("".join([*lines, "test.avi 2\n"]))
    )
    return folder


@pytest.mark.slow
def test_every_name_is_listed_stored_and_planned(tree, tmp_path):
    dataset = dataset_in("hmdb51", label="Mine")
    out, left_out = tmp_path / "m.csv", tmp_path / "left_out.csv"
    clips = list_clips(dataset, tree / "videos", tree / "splits", out, left_out)
    ids = [f"{CLASS}/{name}" for name in NAMES]
    assert [clip.id for clip in clips] == [*ids, f"{CLASS}/test"]
    assert read_manifest(out) == clips
    with left_out.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file))[1:] == [[rf"{CLASS}/v_Andr\xe9", "its path is not UTF-8; rename it"]]
    prepare_clips(
        PrepareClips(split="train", shard=0, **degrading()), out, tmp_path / "hr.h5", tmp_path / "lr.h5"
    )
    with ShardReader(tmp_path / "hr.h5") as store:
        assert store.clips == sorted(ids)
        assert all(store.read(name, range(3)).shape == (3, 16, 20, 3) for name in ids)
    plan = {name: ClipPlan([0], [0]) for name in ids}
    write_plan(tmp_path / "plan.json", plan)
    assert read_plan(tmp_path / "plan.json") == plan


def test_training_videos_of_every_name(tree, tmp_path):
    out, left_out = tmp_path / "v.csv", tmp_path / "left_out.csv"
    clips = list_videos(config.TrainingVideos(size=[20, 16]), tree / "videos", out, left_out)
    assert sorted(clip.id for clip in clips) == sorted(f"{CLASS}__{name}" for name in (*NAMES, "test"))
    assert read_manifest(out) == clips
    assert r"v_Andr\xe9.avi,its path is not UTF-8" in left_out.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("environment", [{"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}])
def test_the_locale_changes_nothing(tree, tmp_path, root, environment):
    arguments = {"root": tree / "videos", "splits": tree / "splits", "left-out": tmp_path / "left_out.csv"}
    request = ListClips(name="Mine", dataset=dataset_in("hmdb51"), scale=4).text()
    command = [sys.executable, "-m", "pipeline", "list-clips", "--request", request]
    command += [word for key, value in arguments.items() for word in (f"--{key}", str(value))]
    errors = []
    for name, changes in (("as it is", {}), ("changed", environment)):
        command_out = [*command, "--out", str(tmp_path / f"{name}.csv")]
        done = subprocess.run(
            command_out, env=os.environ | changes, cwd=root, capture_output=True, check=True
        )
        errors.append(done.stderr)
    assert rb"v_Andr\xe9" in errors[1]
    assert (tmp_path / "changed.csv").read_bytes() == (tmp_path / "as it is.csv").read_bytes()
