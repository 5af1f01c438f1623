"""Jobs that a change of users' files reruns, by dry run on finished stages.

From clips to super-resolved frames, with a training; what follows from those is tests/test_invalidation.py's.
"""

import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import yaml
from workflow import Project

from pipeline.superres.networks import load_network
from pipeline.video.frames import write_video

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("data_changes")]

STREAM = {"iterations": 1}
PIXEL = {"kind": "mse", "flow_weight": "squared_magnitude"}
CONFIG = {
    "output": "out",
    "training_videos": {"root": "cdvl", "size": [96, 72]},
    "datasets": {
        "mine": {"layout": "ucf101", "root": "videos", "splits": "splits"},
        "other": {"layout": "ucf101", "root": "others", "splits": "splits"},
    },
    "flow": {"tvl1": {"warps": 1, "scales": 2, "outer_iterations": 2}},
    "patches": {
        **{"size": 32, "frames_per_video": 4, "crops": 2, "grid": [12, 12], "border": 4, "margin": 1},
        "spatial_flow": "tvl1",
    },
    "superres": {
        "feature_network": {"network": "random_features"},
        "models": {
            "bicubic": {"network": "bicubic"},
            "given": {"network": "vdsr", "args": {"depth": 2}, "weights": "vdsr.pth"},
            "trained": {
                "network": "vdsr",
                "args": {"depth": 2},
                "training": {"iterations": 4, "batch_size": 2, "losses": {"pixel": PIXEL}},
            },
        },
    },
    "recognition": {
        "frame_size": [64, 48],
        "recognizers": {
            "tsn": {
                **{"protocol": "tsn", "network": "bn_inception", "crop": 32},
                "args": {"width": 0.25, "blocks": ["3a", "3c", "4e", "5b"]},
                **{"train_snippets": 2, "test_snippets": 2, "test_crops": 2},
                **{"spatial": STREAM, "temporal": STREAM},
            }
        },
    },
    "methods": {
        **{name: {"model": name} for name in ("bicubic", "given", "trained")},
        "hr": {"model": "hr"},
    },
    "report": {"pictured": ["hr"]},
}
TARGETS = [
    *(f"out/data/{name}/train-0/hr.h5" for name in CONFIG["datasets"]),
    *(f"out/superres/frames/{n}/{m}/test-0.h5" for n in CONFIG["datasets"] for m in ("given", "trained")),
]
CLASSES = ["Archery", "Diving"]


def clip(path: Path, seed: int, frames: int = 7) -> None:
    """Noise on raw AVI: clips of equal length have equal sizes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (frames, 72, 96, 3), np.uint8)
    write_video(path, list(pixels), 25, vcodec="rawvideo", pix_fmt="bgr24")


def weights(path: Path, seed: int) -> None:
    torch.manual_seed(seed)
    torch.save(load_network("vdsr", {"depth": 2}).state_dict(), path)


@pytest.fixture(scope="module")
def finished(root, tmp_path_factory):
    """A project, a folder of data, and the finished run on it."""
    project = Project.copy(root, tmp_path_factory.mktemp("project"))
    data = tmp_path_factory.mktemp("data")
    lists: dict[str, list[str]] = {"train": [], "test": []}
    (data / "splits").mkdir()
    for folder in ("videos", "others"):
        for label, name in enumerate(CLASSES, 1):
            for group, split in enumerate(["train", "train", "test", "test"], 1):
                file = f"{name}/v_{name}_g{group:02}_c01.avi"
                clip(data / folder / file, seed=10 * label + group)
                if folder == "videos":
                    lists[split].append(f"{file} {label}" if split == "train" else file)
    (data / "splits/classInd.txt").write_text("1 Archery\n2 Diving\n")
    for split, lines in lists.items():
        (data / f"splits/{split}list01.txt").write_text("\n".join(lines) + "\n")
    clip(data / "cdvl/a.avi", seed=1)
    weights(data / "vdsr.pth", seed=0)
    (project.folder / "c.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=False))
    project.snakemake("--cores", "2", *arguments(data))
    return project, data


def arguments(data: Path, *targets: str) -> list[str]:
    return ["--configfile", "c.yaml", "--config", f"data_root={data}", "--", *(targets or TARGETS)]


def planned(finished) -> set[str]:
    project, data = finished
    return project.planned(*arguments(data))


@contextmanager
def kept(*paths: Path):
    """Files as they were, content and time stamps, after the block."""
    before = {path: (path.read_bytes(), path.stat()) if path.exists() else None for path in paths}
    try:
        yield
    finally:
        for path, found in before.items():
            if found is None:
                path.unlink()
            else:
                path.write_bytes(found[0])
                os.utime(path, ns=(found[1].st_atime_ns, found[1].st_mtime_ns))


def of(jobs: set[str], **wildcards: str) -> set[str]:
    return {job for job in jobs if all(f"{k}={v}" in job.split() for k, v in wildcards.items())}


def check_one_set_reruns(jobs: set[str]) -> None:
    """All that follows from the clips of a set and nothing else: no other set, no SR training."""
    assert {job.split()[0] for job in jobs} == {"list_clips", "prepare_clips", "plan_frames", "super_resolve"}
    assert of(jobs, dataset="mine") == jobs


TEST_CLIP = "videos/Archery/v_Archery_g03_c01.avi"


def test_nothing_is_left_to_do(finished):
    assert planned(finished) == set()


def test_time_stamps_rerun_nothing(finished):
    """Touched files, as after a restart or a copy; also without the memory of what they hold."""
    project, data = finished
    for path in data.rglob("*"):
        os.utime(path)
    assert planned(finished) == set()
    (project.folder / "out/.contents.json").unlink()
    assert planned(finished) == set()


@pytest.mark.parametrize("frames", [12, 7])
def test_a_replaced_clip_reruns_its_set(finished, frames):
    """By a longer one, and by one of the same name, length, size and time stamp."""
    path = finished[1] / TEST_CLIP
    before = path.stat()
    with kept(path):
        clip(path, seed=99, frames=frames)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert (path.stat().st_size == before.st_size) == (frames == 7)
        check_one_set_reruns(planned(finished))


def test_an_added_clip_reruns_both_sets_with_its_list(finished):
    _, data = finished
    lines = data / "splits/trainlist01.txt"
    added = data / "videos/Diving/v_Diving_g05_c01.avi"
    with kept(lines, added):
        clip(added, seed=5)
        lines.write_text(lines.read_text() + "Diving/v_Diving_g05_c01.avi 2\n")
        jobs = planned(finished)
        # The other set lacks the clip that their common list names; that is part of its listing.
        assert of(jobs, dataset="mine")
        assert "list_clips dataset=other" in jobs
        assert not any(job.startswith("train_sr") for job in jobs)


def test_a_removed_clip_reruns_its_set(finished):
    path = finished[1] / TEST_CLIP
    with kept(path):
        path.unlink()
        check_one_set_reruns(planned(finished))


def test_a_changed_line_of_a_list_reruns_its_sets(finished):
    path = finished[1] / "splits/testlist01.txt"
    with kept(path):
        path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
        assert {job for job in planned(finished) if job.startswith("list_")} == {
            "list_clips dataset=mine",
            "list_clips dataset=other",
        }


def test_a_changed_class_list_reruns_its_sets(finished):
    _, data = finished
    names, train = data / "splits/classInd.txt", data / "splits/trainlist01.txt"
    with kept(names, train):
        names.write_text("2 Archery\n1 Diving\n")
        files = [line.split()[0] for line in train.read_text().splitlines()]
        train.write_text("".join(f"{file} {1 if 'Diving' in file else 2}\n" for file in files))
        jobs = planned(finished)
    assert {"list_clips dataset=mine", "list_clips dataset=other"} <= jobs
    assert "list_videos" not in jobs


def test_an_added_training_video_reruns_sr_alone(finished):
    path = finished[1] / "cdvl/b.avi"
    with kept(path):
        clip(path, seed=2)
        jobs = planned(finished)
    rules = {job.split()[0] for job in jobs}
    assert {"list_videos", "prepare_videos", "crop_patches", "train_sr", "super_resolve"} <= rules
    assert not {"list_clips", "prepare_clips", "plan_frames"} & rules
    assert of(jobs, model="trained")
    assert not of(jobs, model="given")


def test_swapped_weights_rerun_what_they_make(finished):
    path = finished[1] / "vdsr.pth"
    with kept(path):
        weights(path, seed=1)
        jobs = planned(finished)
    assert {job.split()[0] for job in jobs} == {"super_resolve"}
    assert of(jobs, model="given") == jobs


def test_another_data_root_is_another_data_set(finished, tmp_path):
    project, data = finished
    shutil.copytree(data, tmp_path / "data")
    (tmp_path / "data" / TEST_CLIP).unlink()
    jobs = project.planned(*arguments(tmp_path / "data"))
    assert {"list_clips dataset=mine", "list_clips dataset=other", "list_videos"} <= jobs


def test_progress_keys_and_blanks_rerun_nothing(finished):
    project, _ = finished
    config = json.loads(json.dumps(CONFIG))
    config["superres"]["models"]["trained"]["training"] |= {"checkpoint_every": 1, "validate_every": 2}
    rules = project.folder / "rules/superres.smk"
    with kept(project.folder / "c.yaml", rules):
        (project.folder / "c.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        assert "--init {input.init:q}" in rules.read_text()
        rules.write_text(rules.read_text().replace("--init {input.init:q}", "--init  {input.init:q} "))
        assert planned(finished) == set()


def test_an_edit_can_be_declared_to_change_no_result(finished):
    """``snakemake --touch`` keeps what was made, and records the code as it is now."""
    project, data = finished
    code, made = (
        project.folder / f
        for f in ("pipeline/superres/training.py", "out/superres/models/trained.safetensors")
    )
    before = made.read_bytes()
    with kept(code):
        code.write_text(code.read_text() + "\nCHANGED = True\n")
        project.snakemake("--touch", "--cores", "1", *arguments(data))
        assert planned(finished) == set()
        assert made.read_bytes() == before
    project.snakemake("--touch", "--cores", "1", *arguments(data))


def test_a_replaced_clip_is_decoded_again(finished):
    """To the end, for once: the store of a clip of equal length and size holds the new pixels."""
    project, data = finished
    store, name = "out/data/mine/test-0/hr.h5", "Archery/v_Archery_g03_c01"

    def pixels() -> np.ndarray:
        project.snakemake("--cores", "2", *arguments(data, store))
        with h5py.File(project.folder / store) as file:
            return file["frames"][name][:]

    before = pixels()
    with kept(data / TEST_CLIP):
        clip(data / TEST_CLIP, seed=99)
        assert (pixels() != before).any()
    assert (pixels() == before).all()
