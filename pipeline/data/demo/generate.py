"""The stage that writes the demo's data sets in the published layouts, for the same readers as real data."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from pipeline import config
from pipeline.data.demo.actions import HMDB_ACTIONS, UCF_ACTIONS, Action, render_action
from pipeline.data.demo.textures import load_textures
from pipeline.data.demo.videos import render_video
from pipeline.data.manifest import DataError, Split
from pipeline.data.request import GenerateDemo
from pipeline.files import atomic_folder, atomic_path, seed_for
from pipeline.video.frames import write_video

Kind = Literal["cdvl", "ucf101", "hmdb51"]

VIDEO_SIZE = (160, 120)
"""Width and height of the training videos."""

FPS = {"cdvl": 25, "ucf101": 25, "hmdb51": 30}

TEST_GROUPS, GROUPS = 7, 25
"""UCF101's split 1: groups 1 to 7 are for testing, 8 to 25 for training."""

DECORATIONS = ("Best_of", "(Clip)", "What_a_day!", "[HQ]_take", "Me&you", "#1_video", "part;two", "at@home")
"""Beginnings of file names, with unusual characters like some of HMDB51's."""


def generate_demo(request: GenerateDemo, folder: Path) -> None:
    """Write one of the demo's data sets atomically; the same seed gives the same videos.

    Args:
        request: kind, sizes and numbers of clips, seed. Kind "cdvl": natural-like videos in the folder
            itself; "ucf101", "hmdb51": class folders in folder/videos and split lists in folder/splits, as
            the published sets have them.
        folder: target; it must be empty or absent.

    Raises:
        pipeline.data.manifest.DataError: scikit-image's pictures are missing, or the folder holds files.
        pipeline.video.frames.VideoError: ffmpeg fails.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise DataError(f"{folder}: holds files already; remove it to have the demo generated again")
    with atomic_folder(folder) as content:
        make = _generate_videos if request.kind == "cdvl" else partial(_generate_clips, request.kind)
        make(request, request.seed, content)
    print(f"demo {request.kind}: {sum(1 for _ in folder.rglob('*.avi'))} videos in {folder}", file=sys.stderr)


def _generate_clips(kind: Kind, demo: config.Demo, seed: int, folder: Path) -> None:
    actions = UCF_ACTIONS if kind == "ucf101" else HMDB_ACTIONS
    counts: dict[Split, int] = {"train": demo.train_clips, "test": demo.test_clips}
    clips = [
        (action, split, number)
        for action in actions
        for split, count in counts.items()
        for number in range(count)
    ]
    names: list[tuple[str, Split, str]] = []
    for action, split, number in clips:
        rng = np.random.default_rng(seed_for(seed, "demo", kind, action.name, split, str(number)))
        # UCF101's clips all have one size; HMDB51's have one height and many widths.
        width = (
            demo.height * 4 // 3 if kind == "ucf101" else int(rng.integers(44, 57)) * demo.height // 72 * 2
        )
        name = (_ucf_name if kind == "ucf101" else _hmdb_name)(action, split, number, rng)
        frames = render_action(action, load_textures(split), demo.height, width, demo.frames, rng)
        write_video(folder / "videos" / action.name / name, frames, FPS[kind])
        names.append((action.name, split, name))
    (_write_ucf_lists if kind == "ucf101" else _write_hmdb_lists)(actions, names, folder / "splits")


def _generate_videos(demo: config.Demo, seed: int, folder: Path) -> None:
    width, height = VIDEO_SIZE
    for number in range(demo.videos):
        rng = np.random.default_rng(seed_for(seed, "demo", "cdvl", str(number)))
        frames = render_video(load_textures("videos"), height, width, demo.video_frames, rng)
        write_video(folder / f"natural_{number:03d}.avi", frames, FPS["cdvl"])


def _ucf_name(action: Action, split: Split, number: int, rng: np.random.Generator) -> str:
    first, groups = (1, TEST_GROUPS) if split == "test" else (TEST_GROUPS + 1, GROUPS - TEST_GROUPS)
    clip, group = divmod(number, groups)
    return f"v_{action.name}_g{first + group:02d}_c{clip + 1:02d}.avi"


def _hmdb_name(action: Action, split: Split, number: int, rng: np.random.Generator) -> str:
    """Film, class, visible parts, camera, persons, view, quality, number: as HMDB51 names its clips."""
    decoration = DECORATIONS[rng.integers(len(DECORATIONS))] if rng.random() < 0.15 else "Demo"
    return f"{decoration}_{split}_{action.name}_f_cm_np1_fr_med_{number}.avi"


def _write_ucf_lists(actions: list[Action], names: list[tuple[str, Split, str]], folder: Path) -> None:
    numbers = {action.name: number for number, action in enumerate(actions, start=1)}
    _write_lines(folder / "classInd.txt", [f"{number} {name}" for name, number in numbers.items()])
    train = [f"{cls}/{name} {numbers[cls]}" for cls, split, name in names if split == "train"]
    _write_lines(folder / "trainlist01.txt", train)
    _write_lines(
        folder / "testlist01.txt", [f"{cls}/{name}" for cls, split, name in names if split == "test"]
    )


def _write_hmdb_lists(actions: list[Action], names: list[tuple[str, Split, str]], folder: Path) -> None:
    for action in actions:
        lines = [
            f"{name} {1 if split == 'train' else 2} " for cls, split, name in names if cls == action.name
        ]
        _write_lines(folder / f"{action.name}_test_split1.txt", lines)


def _write_lines(path: Path, lines: list[str]) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
