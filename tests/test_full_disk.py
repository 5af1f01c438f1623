"""A full disk: one line with path, what is needed and what is free; nothing is left, the next run goes on.

On a file system of four megabytes where the tests may mount one (as root), and everywhere under a limit on
the size of files, which fails in the same calls.
"""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from layouts import degrading
from matplotlib.figure import Figure

from pipeline.config import SRModel
from pipeline.data.archive import unpack_archive
from pipeline.data.manifest import Clip, write_manifest
from pipeline.data.plan import ClipPlan, write_plan
from pipeline.data.request import PrepareClips
from pipeline.errors import PipelineError
from pipeline.files import atomic_folder, atomic_path
from pipeline.patches.store import PatchWriter
from pipeline.superres.models import save_network
from pipeline.training.resume import save_resume
from pipeline.video.frames import write_video
from pipeline.video.store import ShardWriter

NOISE = np.random.default_rng(0).integers(0, 256, (60, 96, 128, 3), dtype=np.uint8)  # 2.2 MB


def write_store(path: Path) -> None:
    with ShardWriter(path) as writer:
        writer.add("a/b", NOISE)


def write_patches(path: Path) -> None:
    size = 96
    sample = {"hr": NOISE[0, :, :size], "lr": NOISE[0, :24, :24], "frame": 0, "x": 0, "y": 0}
    sample |= {"flow": NOISE[0, :, :size, :2].astype(np.float16), "video": "a"}
    with PatchWriter(path, "sosr", size, 1) as writer:
        for _ in range(40):
            writer.append("train", [sample])
        writer.finish(kind="sosr")


def write_network(path: Path) -> None:
    save_network(path, torch.nn.Linear(600, 600), SRModel(network="vdsr"), {})


def write_state(path: Path) -> None:
    save_resume(path, {"step": 1, "weights": torch.rand(400_000)}, "key")


def write_clips(path: Path) -> None:
    clips = [Clip(f"a/{i}", "/v/" + "x" * 200, "a", 0, "train", 1, 4, 4, 0) for i in range(8000)]
    write_manifest(path, clips)


def write_frames(path: Path) -> None:
    write_plan(path, {f"a/{i}": ClipPlan(list(range(60)), list(range(60))) for i in range(3000)})


def write_table(path: Path) -> None:
    with atomic_path(path) as temporary:
        pd.DataFrame(NOISE.reshape(-1, 64)[:8000]).to_csv(temporary)


def write_picture(path: Path) -> None:
    figure = Figure(figsize=(8, 8))
    figure.figimage(NOISE.reshape(-1, 720, 3))
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=100)


def write_movie(path: Path) -> None:
    write_video(path, NOISE, 25)


def unpack(path: Path) -> None:
    archive = path.parent.parent / "archive.zip"
    if not archive.exists():
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("videos/a.avi", NOISE.tobytes())
    unpack_archive(archive, path)


def write_folder(path: Path) -> None:
    with atomic_folder(path) as folder:
        write_video(folder / "videos" / "clip.avi", NOISE, 25)


WRITERS = {
    "hr.h5": write_store, "patches.h5": write_patches, "vdsr.safetensors": write_network,
    "vdsr.resume": write_state, "manifest.csv": write_clips, "plan.json": write_frames,
    "table4.csv": write_table, "a.png": write_picture,
}  # fmt: skip
"""What writes more than a megabyte itself."""
CALLERS = {"clip.avi": write_movie, "unpacked": unpack, "demo": write_folder}
"""What has ffmpeg write, or many files."""


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    """A file system of four megabytes, of which three hundred kilobytes are left."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here (not root, or no right to)")
    (folder / "filler").write_bytes(bytes(3_900_000))
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def limited() -> Iterator[None]:
    """No file may become larger than half a megabyte."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def refused(write: Callable[[Path], None], path: Path) -> str:
    """The error of a write without space, after which nothing is left beside the disk's filler."""
    with pytest.raises(PipelineError) as caught:
        write(path)
    assert [other.name for other in path.parent.iterdir() if other.name != "filler"] == []
    return str(caught.value)


@pytest.mark.parametrize("name", WRITERS | CALLERS)
def test_a_full_disk_is_one_line_and_the_next_run_goes_on(disk, name):
    write = (WRITERS | CALLERS)[name]
    message = refused(write, disk / name)
    assert "\n" not in message
    assert str(disk) in message
    assert name in message
    assert re.search(r"\d [kM]?B.* \d.* are free", message)
    (disk / "filler").unlink()
    write(disk / name)
    assert [path.name for path in disk.iterdir()] == [name]


@pytest.mark.parametrize("name", WRITERS)
def test_a_limit_on_the_size_of_files_as_well(tmp_path, limited, name):
    message = refused(WRITERS[name], tmp_path / name)
    assert "\n" not in message
    assert str(tmp_path / name) in message
    assert "File too large" in message
    assert "ulimit -f" in message


def test_the_size_is_said_where_it_is_known(disk):
    told = refused(write_network, disk / "vdsr.safetensors")
    assert re.search(r"vdsr\.safetensors: No space left on device: it needs 1\.4 MB, and 2\d\d\.\d kB", told)


def test_of_two_stores_the_one_without_space_is_named(tmp_path, limited):
    def write() -> None:
        with ShardWriter(tmp_path / "hr.h5") as hr, ShardWriter(tmp_path / "lr.h5") as lr:
            one, two = hr.start("a"), lr.start("a")
            for frame in NOISE:
                one.append(frame)
                two.append(frame[::4, ::4])

    with pytest.raises(PipelineError, match=r"hr\.h5: File too large"):
        write()
    # Whether the other one is finished depends on when HDF5 writes.
    assert {path.name for path in tmp_path.iterdir()} <= {"lr.h5"}


def run(root: Path, log: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    with log.open("w") as file:
        command = [sys.executable, "-m", "pipeline", *arguments]
        return subprocess.run(command, cwd=root, stdout=subprocess.PIPE, stderr=file, text=True, check=False)


def test_a_stage_ends_with_status_1_and_a_line_in_its_log(root, disk, tmp_path):
    write_movie(tmp_path / "noise.avi")
    manifest = tmp_path / "manifest.csv"
    write_manifest(manifest, [Clip("a/b", str(tmp_path / "noise.avi"), "a", 0, "train", 60, 96, 128, 0)])
    request = PrepareClips(split="train", shard=0, **degrading()).text()
    arguments = ["prepare-clips", "--request", request, "--manifest", str(manifest)]
    arguments += ["--hr", f"{disk}/hr.h5", "--lr", f"{disk}/lr.h5"]
    done = run(root, disk / "log", *arguments)
    assert done.returncode == 1
    line = (disk / "log").read_text().splitlines()[-1]
    assert line.startswith(
        f"prepare-clips: DiskFullError: {disk}/hr.h5: No space left on device: it needs more"
    )
    assert {path.name for path in disk.iterdir()} <= {"filler", "log", "lr.h5"}
    (disk / "filler").unlink()
    assert run(root, disk / "log", *arguments).returncode == 0


def test_without_room_for_the_log_the_line_is_on_the_terminal(root, disk):
    (disk / "log").touch()
    fill(disk / "filler")
    request = ["--request", '{"streams": []}']
    arguments = ["plan-frames", "--manifest", "none.csv", *request, "--out", f"{disk}/plan.json"]
    done = run(root, disk / "log", *arguments)
    assert done.returncode == 1
    assert done.stdout.startswith("plan-frames: FileNotFoundError")
    assert (disk / "log").read_text() == ""


def fill(path: Path) -> None:
    """Let a file grow until the disk is full."""
    with path.open("ab", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
