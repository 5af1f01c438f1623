"""``python -m pipeline export-lr``: the low-resolution test clips, for a tool that super-resolves them.

Its clips become a row by ``methods.NAME.frames`` (docs/own-sr.md).
"""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tqdm import tqdm

from pipeline.config import Config
from pipeline.config.load import load_config
from pipeline.config.text import read_config
from pipeline.data.manifest import Clip, Split, read_manifest, select
from pipeline.errors import PipelineError
from pipeline.experiment import Experiment
from pipeline.experiment.files import Files
from pipeline.files import atomic_folder, atomic_path
from pipeline.places import WORKFLOW
from pipeline.video.frames import write_video
from pipeline.video.store import ShardReader

COLUMNS = ["dataset", "clip", "frames", "lr_width", "lr_height", "hr_width", "hr_height", "file"]
LIST = "clips.csv"
"""The list of the clips in the folder."""

LOSSLESS = {"vcodec": "ffv1", "pix_fmt": "bgr0", "level": 3, "slicecrc": 1}
"""FFV1 in RGB: each pixel comes back as it was."""

FPS = 25.0


class ExportError(PipelineError):
    """The clips cannot be made or written; the message says what to do."""


def export_lr(
    config: Path,
    folder: Path,
    as_: Literal["video", "png"] = "video",
    split: Literal["train", "test"] = "test",
    output: Path | None = None,
) -> None:
    """Write the LR clips of a configuration to FOLDER/DATASET/CLIP, and their list to FOLDER/clips.csv.

    What is not prepared yet is prepared first, by Snakemake, in the configuration's output folder. Rows with
    ``frames`` need not have their clips yet.

    Args:
        config: YAML file.
        folder: where to write; clips that are there are replaced.
        as_: ``video``: lossless, FFV1 in RGB (CLIP.mkv); ``png``: CLIP/000000.png and so on.
        split: the clips' split.
        output: folder of results, instead of the file's.

    Raises:
        ConfigError, ConfigTextError: the configuration cannot be used.
        ExportError: Snakemake could not prepare the clips; its messages say why.
        DiskFullError: the disk is full.
    """
    raw = without_frames(read_config(config) | ({"output": str(output)} if output else {}))
    checked = load_config(raw)
    files = Experiment(checked).files
    _prepare(raw, files, checked, split)
    rows = []
    for dataset in checked.datasets:
        clips = select(read_manifest(f"{files.out}/data/{dataset}/manifest.csv"), split)
        stores = [files.low(dataset, "", split, shard) for shard in files.shards(dataset, split)]
        rows += list(_write(dataset, clips, stores, folder, as_))
    with atomic_path(folder / LIST) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])
    print(f"{len(rows)} {split} clips in {folder}, listed in {folder / LIST}")


def without_frames(raw: dict[str, Any]) -> dict[str, Any]:
    """A configuration without the rows that have ``frames``, and without what names them."""
    methods = raw.get("methods") or {}
    gone = {name for name, row in methods.items() if isinstance(row, dict) and row.get("frames")}
    gone |= {
        name
        for name, row in methods.items()
        if isinstance(row, dict) and gone & {row.get(key) for key in ("model", "spatial", "temporal")}
    }
    if not gone:
        return raw
    left = {name: row for name, row in methods.items() if name not in gone}
    report = {key: value for key, value in (raw.get("report") or {}).items() if key != "pictured"}
    # Nor tables, whose rows may be among them.
    return {key: raw[key] for key in raw.keys() - {"tables"}} | {"methods": left, "report": report}


def _prepare(raw: dict[str, Any], files: Files, config: Config, split: Split) -> None:
    """Make the manifests and LR stores, as a run would."""
    wanted = [
        files.low(name, "", split, shard) for name in config.datasets for shard in files.shards(name, split)
    ]
    with tempfile.TemporaryDirectory() as folder:
        # Snakemake reads JSON as YAML.
        path = Path(folder, "export.yaml")
        path.write_text(json.dumps(raw, default=str), encoding="utf-8")
        options = ["--snakefile", WORKFLOW / "Snakefile", "--workflow-profile", WORKFLOW / "profiles/default"]
        options += ["--cores", "all", "--configfile", path, "--"]
        command = [sys.executable, "-P", "-m", "snakemake", *map(str, options), *wanted]
        if subprocess.run(command, check=False).returncode:
            raise ExportError(f"Snakemake could not prepare {wanted[0]}; its messages above say why")


def _write(
    dataset: str, clips: Iterable[Clip], stores: list[str], folder: Path, form: str
) -> Iterator[list[str | int]]:
    """Write the clips of a data set; yields their lines of the list."""
    with ExitStack() as stack:
        readers = [stack.enter_context(ShardReader(store)) for store in stores]
        for clip in tqdm(clips, desc=f"export_lr {dataset}", unit="clip", mininterval=10):
            low = readers[clip.shard]
            frames = (low.read(clip.id, [number])[0] for number in range(clip.frames))
            target = folder / dataset / (clip.id if form == "png" else f"{clip.id}.mkv")
            target.parent.mkdir(parents=True, exist_ok=True)
            if form == "png":
                write_pictures(target, frames)
            else:
                write_video(target, frames, FPS, **LOSSLESS)
            _, height, width, _ = low.shape(clip.id)
            hr = [clip.width, clip.height]
            yield [dataset, clip.id, clip.frames, width, height, *hr, target.relative_to(folder).as_posix()]


def write_pictures(folder: Path, frames: Iterable[np.ndarray]) -> None:
    """Write frames (h, w, 3) uint8 as 000000.png and so on; the folder appears when it is complete."""
    from PIL import Image

    with atomic_folder(folder) as temporary:
        for number, frame in enumerate(frames):
            Image.fromarray(frame).save(temporary / f"{number:06d}.png")
        shutil.rmtree(folder, ignore_errors=True)
