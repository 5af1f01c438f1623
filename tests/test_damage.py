"""Damaged files: whichever bit is flipped, a stage reads what was written, or refuses the file by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from pipeline.config import SRModel, SRTraining
from pipeline.csv_rows import read_rows, write_rows
from pipeline.data.manifest import Clip, read_manifest, write_manifest
from pipeline.data.plan import ClipPlan, read_plan, write_plan
from pipeline.errors import DamagedError, PipelineError
from pipeline.hdf5 import open_hdf5, reading
from pipeline.patches.store import PARTS, PatchWriter
from pipeline.report.scores import read_scores
from pipeline.report.tables.quality import COLUMNS
from pipeline.superres.batches import PatchFile
from pipeline.superres.models import load_model, save_network
from pipeline.superres.networks import load_network
from pipeline.training.resume import load_resume, save_resume
from pipeline.video.coding import encode
from pipeline.video.store import ShardReader, ShardWriter

VDSR = SRModel(network="vdsr", args={"depth": 3, "features": 4})
FLIPS, CUTS = 100, 25


def random_bytes(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def write_store(path: Path) -> None:
    with ShardWriter(path) as writer:
        writer.add("jump/a", random_bytes(3, 6, 8, 3), index=[4, 2, 9], gap=2, engine="tvl1")
        writer.add("jump/b", random_bytes(2, 6, 8, 3) // 100)
        writer.add("golf/c", random_bytes(9, 2, 4, 2).astype(np.float16))


def read_store(path: Path) -> Any:
    with ShardReader(path) as reader:
        return [
            (clip, reader.shape(clip), reader.attrs(clip), reader.index(clip).tolist(),
             reader.read(clip, reader.index(clip)).tobytes())
            for clip in reader.clips
        ]  # fmt: skip


def write_patches(path: Path) -> None:
    sample = {"hr": random_bytes(8, 8, 3), "lr": random_bytes(2, 2, 3), "frame": 3, "x": 4, "y": 8}
    sample |= {"flow": random_bytes(8, 8, 2).astype(np.float16), "video": "natural/ä"}
    with PatchWriter(path, "sosr", 8, 1) as writer:
        for part, count in zip(PARTS, (3, 1), strict=True):
            for number in range(count):
                writer.append(part, [sample | {"frame": number}, sample | {"video": "b"}])
        writer.finish(kind="sosr", size=8, flow="tvl1", **{f"count{n}": n for n in range(9)})


def read_patches(path: Path) -> Any:
    found = []
    for part in PARTS:
        patches = PatchFile(path, part, SRTraining(patches="sosr"), 1)
        samples = [[a.tobytes() for a in patches.sample(i)] for i in range(len(patches))]
        found.append((patches.attributes, samples))
    with open_hdf5(path) as file, reading(path):
        # Nobody reads these.
        origins = [file[part][name][()].tolist() for part in PARTS for name in ("video", "frame", "x", "y")]
    return found, origins


def write_network(path: Path) -> None:
    torch.manual_seed(0)
    save_network(path, load_network(VDSR.network, VDSR.args), VDSR, {"psnr": 30.5, "name": "vdsr"})


def read_network(path: Path) -> Any:
    return {name: value.numpy().tobytes() for name, value in load_model(VDSR, path).state_dict().items()}


def write_state(path: Path) -> None:
    save_resume(path, {"step": 3, "random": torch.arange(50), "rates": [0.1, 0.2]}, "key")


def read_state(path: Path) -> Any:
    state = load_resume(path, "key")
    return state | {"random": state["random"].tolist()}


def write_scores(path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    about = {"dataset": "ucf", "recognizer": "tsn", "method": "vdsr"}
    np.savez(path, clips=np.array(list("abcd")), labels=np.arange(4) % 3, spatial=values, **about)


def read_scored(path: Path) -> Any:
    return {
        (key, name): (found.clips.tolist(), found.labels.tolist(), found.values.tolist())
        for key, scores in read_scores([path]).items()
        for name, found in scores.streams.items()
    }


def write_clips(path: Path) -> None:
    clips = [Clip(f'jump/{i},"ü"', f"/v/{i}.avi", "jump", 0, "train", 30 + i, 240, 320, i) for i in range(5)]
    write_manifest(path, clips)


def write_frames(path: Path) -> None:
    write_plan(path, {f"jump/{i}": ClipPlan([0, i + 4], [1, 2, 7]) for i in range(5)})


def write_quality(path: Path) -> None:
    write_rows(path, COLUMNS, [["ucf", "vdsr", f"jump/{i}", 9, 8, 30.123, 0.9, 0.1, i] for i in range(5)])


KINDS: dict[str, tuple[Callable[[Path], None], Callable[[Path], Any]]] = {
    "frames.h5": (write_store, read_store),
    "patches.h5": (write_patches, read_patches),
    "vdsr.safetensors": (write_network, read_network),
    "vdsr.resume": (write_state, read_state),
    "scores.npz": (write_scores, read_scored),
    "manifest.csv": (write_clips, read_manifest),
    "plan.json": (write_frames, read_plan),
    "quality.csv": (write_quality, lambda path: read_rows(path, COLUMNS)),
}


@pytest.fixture(scope="module", params=KINDS)
def written(request, tmp_path_factory) -> tuple[Path, Callable[[Path], Any], Any, bytes]:
    """A file, its reader, what it reads and the file's bytes."""
    write, read = KINDS[request.param]
    path = tmp_path_factory.mktemp("written") / request.param
    write(path)
    return path, read, read(path), path.read_bytes()


def refused(path: Path, read: Callable[[Path], Any], right: Any, content: bytes) -> bool:
    """Whether a changed file is refused by name; else it must be read as if nothing was changed."""
    path.write_bytes(content)
    try:
        found, message = read(path), None
    except PipelineError as error:
        found, message = None, str(error)
    if message is None:
        assert found == right
        return False
    assert str(path) in message
    assert "again" in message or "anew" in message
    assert "\n" not in message
    return True


def test_no_flipped_bit_changes_a_number(written, tmp_path):
    path, read, right, content = written
    bits = np.random.default_rng(1).choice(8 * len(content), FLIPS, replace=False)
    count = 0
    for bit in bits.tolist():
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            count += refused(tmp_path / path.name, read, right, bytes(changed))
        except AssertionError as error:
            raise AssertionError(f"bit {bit} of {len(content)} bytes") from error
    # The rest of the bits are of no use: room between the parts of a file.
    assert count > FLIPS / 4


def test_no_file_that_was_cut_is_read(written, tmp_path):
    path, read, right, content = written
    for length in np.random.default_rng(2).integers(0, len(content) - 1, CUTS).tolist():
        assert refused(tmp_path / path.name, read, right, content[:length]), length


def test_a_lost_row_is_missed(tmp_path):
    write_clips(tmp_path / "manifest.csv")
    lines = (tmp_path / "manifest.csv").read_bytes().splitlines(keepends=True)
    for lost in range(2, len(lines)):
        (tmp_path / "manifest.csv").write_bytes(b"".join(lines[:lost] + lines[lost + 1 :]))
        with pytest.raises(DamagedError, match=r"manifest\.csv is damaged \(row"):
            read_manifest(tmp_path / "manifest.csv")


def test_a_list_cut_behind_its_first_line(tmp_path):
    """It is not taken for the list of an empty shard."""
    path = tmp_path / "quality.csv"
    write_rows(path, COLUMNS, [])
    assert read_rows(path, COLUMNS) == []
    write_quality(path)
    header = path.read_bytes().splitlines(keepends=True)[0]
    for cut in (header, header.strip(), header.removesuffix(b",crc32\n")):
        path.write_bytes(cut)
        with pytest.raises(DamagedError, match=r"quality\.csv is damaged \(it ends"):
            read_rows(path, COLUMNS)


def test_a_damaged_frame_says_what_to_do(tmp_path):
    path = tmp_path / "hr.h5"
    frames = random_bytes(2, 64, 64, 3)
    with ShardWriter(path) as writer:
        writer.add("a/b", frames)
    content = bytearray(path.read_bytes())
    content[content.index(encode(frames[1])) + 2000] ^= 1
    path.write_bytes(content)
    with ShardReader(path) as reader:
        np.testing.assert_array_equal(reader.read("a/b", [0]), frames[:1])
        with pytest.raises(DamagedError, match=r"hr\.h5 is damaged .*; delete it, and the next run makes it"):
            reader.read("a/b", [1])


def test_files_of_earlier_versions_are_read(tmp_path):
    frames = random_bytes(3, 6, 8, 3)
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file.create_group("frames").create_dataset("a/b", data=frames, chunks=(1, 6, 8, 3), compression="lzf")
        file["frames/a/b"].attrs["engine"] = "tvl1"
        file.create_group("index").create_dataset("a/b", data=np.array([4, 2, 9], np.int32))
    with ShardReader(tmp_path / "old.h5") as reader:
        np.testing.assert_array_equal(reader.read("a/b", [9, 4]), frames[[2, 0]])
        assert reader.attrs("a/b") == {"engine": "tvl1"}

    for kind, check in (("manifest.csv", "crc32"), ("plan.json", '"crc32"')):
        write, read = KINDS[kind]
        write(tmp_path / kind)
        right, text = read(tmp_path / kind), (tmp_path / kind).read_text(encoding="utf-8")
        assert check in text
        if kind == "manifest.csv":
            old = "".join(line.rpartition(",")[0] + "\n" for line in text.splitlines())
        else:
            old = "\n".join(line.split(', "crc32"')[0] + "}" * ("crc32" in line) + "," * line.endswith(",")
                            if "crc32" in line else line for line in text.splitlines())  # fmt: skip
        (tmp_path / kind).write_text(old, encoding="utf-8")
        assert read(tmp_path / kind) == right
