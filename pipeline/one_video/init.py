"""The command ``init``: writes a commented configuration for a folder of videos."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import partial
from pathlib import Path

import yaml

from pipeline.command import PROGRAM
from pipeline.config.data import Dataset
from pipeline.data.manifest import DataError
from pipeline.data.names import is_utf8, is_video
from pipeline.data.walk import walk
from pipeline.errors import PipelineError
from pipeline.files import write_whole
from pipeline.one_video.options import parser
from pipeline.places import WORKFLOW
from pipeline.plugins import find, names

ABOUT = """Write a commented configuration for a folder of videos of actions.

FOLDER holds a folder for each class, at any depth. Split lists in it (those of UCF101, HMDB51 and the other
layouts that RecoSR reads) are used. Without lists, the clips are divided: of each class, every third one by
name is tested, in lists that are written beside the configuration. Nothing is asked, and nothing else
changes."""

EXAMPLES = """examples:
  {program} init ~/videos                      writes recosr.yaml (and recosr-splits/, if there are no lists)
  {program} init ~/videos --training-videos ~/natural --out c.yaml
  {program} preflight --config recosr.yaml     then: what is missing, and the jobs, hours and disk of a run
  {program} run --configfile recosr.yaml       and the run"""

TESTED = 3
"""Of a class without lists, one clip of so many is tested."""


class InitError(PipelineError):
    """The folder holds no classes of videos, or the files to write exist."""


def parse(arguments: list[str]) -> partial[None]:
    """The call that the arguments ask for."""
    options = parser("init", ABOUT, EXAMPLES)
    options.add_argument("folder", type=Path, metavar="FOLDER", help="folder of the videos")
    options.add_argument(
        "--training-videos",
        type=Path,
        metavar="FOLDER",
        help="high-resolution videos from which super-resolution learns; default: FOLDER itself",
    )
    options.add_argument(
        "--out", type=Path, default=Path("recosr.yaml"), metavar="FILE", help="configuration to write"
    )
    options.add_argument("--force", action="store_true", help="replace what exists")
    given = options.parse_args(arguments)
    return partial(
        write_configuration,
        folder=given.folder,
        out=given.out,
        training_videos=given.training_videos,
        force=given.force,
    )


def write_configuration(
    folder: Path, out: Path, training_videos: Path | None = None, force: bool = False
) -> None:
    """Write a configuration for a folder of videos.

    Args:
        folder: the videos, in a folder for each class.
        out: the configuration; lists are written beside it where the folder has none.
        training_videos: videos from which SR networks learn; None: ``folder``.
        force: replace what exists.

    Raises:
        InitError: there are no classes of videos, or files exist.
        DataError: a folder cannot be read.
    """
    made = out.with_name(f"{out.stem}-splits")
    for path in (folder, *([training_videos] if training_videos else [])):
        if not path.is_dir():
            raise InitError(f"{path}: no such folder")
    if out.exists() and not force:
        raise InitError(f"{out}: exists; give another name with --out, or --force to replace it")
    found = walk(folder)
    files = [(Path(relative), path) for relative, path in found.files if is_utf8(relative)]
    classes = _classes([relative for relative, _ in files])
    layout, splits = _find_lists(folder, [path for _, path in files])
    note, chosen = "found there", "# classes: [first, second]     # only some; without it all"
    if layout is None:
        if made.exists() and not force:
            raise InitError(f"{made}: exists, and there would be the lists; --force replaces it")
        layout, splits = "hmdb51", made
        note = "made by init: 1 train, 2 test; clips of one recording should be in one of the two"
        chosen = f"classes: [{', '.join(map(_text, classes))}]"
        _write_lists(classes, made)
    data = f"""    layout: {layout}
    root: {_text(folder.resolve())}
    # {note}
    splits: {_text(splits.resolve())}
    {chosen}
    shards: {{train: 4, test: 4}}     # number of jobs of each split"""
    text = _configuration(folder, data, training_videos)
    write_whole(out, text.encode())
    clips = sum(map(len, classes.values()))
    print(f"{out}: {clips} videos in {len(classes)} folders; lists: {splits}")
    print(f"next: {PROGRAM} preflight --config {out}")


def _classes(files: list[Path]) -> dict[str, list[str]]:
    """Names of the videos of each class, the folder that holds them. Raises InitError."""
    classes: dict[str, list[str]] = defaultdict(list)
    loose = []
    for relative in files:
        if is_video(relative.name):
            if len(relative.parts) > 1:
                classes[relative.parent.name].append(relative.name)
            else:
                loose.append(relative.name)
    if not classes:
        what = f"{len(loose)} videos, but no folders of them" if loose else "no videos"
        raise InitError(
            f"found {what}; a data set has a folder for each class (to super-resolve videos alone, use "
            f"{PROGRAM} upscale)"
        )
    return dict(sorted(classes.items()))


def _find_lists(folder: Path, files: list[Path]) -> tuple[str | None, Path]:
    """The layout whose lists are there, and their folder. Any text file may be a list, so readers decide."""
    texts = {path.parent for path in files if path.suffix.lower() in (".txt", ".csv")}
    for place in sorted(texts, key=lambda path: (len(path.parts), str(path))):
        # Those of the published data sets first: they are the strictest.
        for layout in sorted(names(Dataset), key=lambda name: (name not in ("ucf101", "hmdb51"), name)):
            try:
                listing = find(Dataset, layout)(layout=layout).find_clips(folder, place)
                if {candidate.entry.split for candidate in listing.candidates} >= {"train", "test"}:
                    return layout, place
            except DataError:
                continue
    return None, folder


def _write_lists(classes: dict[str, list[str]], folder: Path) -> None:
    for name, clips in classes.items():
        if len(clips) < 2:
            raise InitError(
                f"class {name} has {len(clips)} video, but needs one to learn from and one to test"
            )
        lines = [
            f"{clip} {2 if number % TESTED == TESTED - 1 or number == len(clips) - 1 else 1}"
            for number, clip in enumerate(sorted(clips))
        ]
        write_whole(folder / f"{name}_test_split1.txt", ("\n".join(lines) + "\n").encode())


def _configuration(folder: Path, data: str, training_videos: Path | None) -> str:
    """The example of the README with this data; the rest of it is as good for other data."""
    example = (WORKFLOW / "config/own-data.yaml").read_text(encoding="utf-8")
    _, _, rest = example.partition("\n\n")
    name = re.sub(r"\W+", "_", folder.resolve().name.lower(), flags=re.ASCII).strip("_")
    name = name if re.match("[a-z]", name) else f"data_{name}".rstrip("_")
    videos = (training_videos or folder).resolve()
    learned = "all videos below it"
    if training_videos is None:
        learned = "better others than the clips: a test clip should be new to super-resolution, too"
    return f"""# Made by init. docs/config.md lists every key with its default. Next:
#     {PROGRAM} preflight --config FILE
#     {PROGRAM} run --configfile FILE
output: results
# {learned}
training_videos: {{root: {_text(videos)}}}
datasets:
  {name}:
{data}

{rest}"""


def _text(value: Path | str) -> str:
    """Text in YAML, on one line."""
    return yaml.safe_dump(str(value), default_style='"', width=1_000_000, allow_unicode=True).strip()
