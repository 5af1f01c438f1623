"""Compares the clips that other tools super-resolved with the data sets, as far as nothing is decoded."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.config import Config
from pipeline.data.made import clips_folder, compare, few, find_made
from pipeline.data.manifest import read_manifest, select


def frames_problems(config: Config) -> Iterator[str]:
    """Lines "key: problem" for missing clips, and for folders of another number of pictures.

    Only of data sets that have been listed: until then it is unknown which of their clips can be used. The
    stage ``check_frames`` decodes the clips. Raises DataError and DamagedError.
    """
    rows = {name: row.frames for name, row in config.methods.items() if row.frames and row.frames.exists()}
    for name, folder in rows.items():
        for dataset in config.datasets:
            key, manifest = f"methods.{name}.frames", config.output / "data" / dataset / "manifest.csv"
            clips_of = clips_folder(folder, dataset, list(config.datasets))
            if not clips_of.is_dir():
                hint = "" if clips_of == folder else f"; clips of {dataset} lie in {folder}/{dataset}/CLIP"
                yield f"{key}: {clips_of} is no folder{hint}"
            elif manifest.is_file():
                clips = select(read_manifest(manifest), "test")
                found, problems = find_made(clips_of, [clip.id for clip in clips])
                shallow = (compare(found[clip.id], clip, deep=False) for clip in clips if clip.id in found)
                problems += [problem for problem in shallow if problem]
                yield from (f"{key}: {dataset}: {problem}" for problem in few(problems))
