"""Stages for test clips that another tool super-resolved: compared with the data set, then read."""

from __future__ import annotations

from pathlib import Path

from tqdm import tqdm

from pipeline.content import content_hash
from pipeline.data.made import compare, few, find_made, read_made, with_file
from pipeline.data.manifest import read_manifest, select, write_manifest
from pipeline.data.plan import read_plan
from pipeline.errors import PipelineError
from pipeline.superres.request import CheckFrames, ImportFrames
from pipeline.video.store import ShardWriter


class FramesError(PipelineError):
    """Clips of another tool do not fit the data set; the message names the key and each clip."""


def check_frames(request: CheckFrames, folder: Path, manifest: Path, out: Path) -> None:
    """Find and decode the file of every clip of a split, and write their manifest.

    It is the data set's, with the paths and the contents of these files.

    Args:
        request: names of row and data set, and the split.
        folder: of the data set's clips.
        manifest: the data set's clips.
        out: manifest of the files.

    Raises:
        FramesError: a clip is missing, cannot be decoded, or has other frames than the data set's.
        pipeline.video.process.FfmpegError: ffmpeg was killed or could not work.
    """
    clips = select(read_manifest(manifest), request.split)
    found, problems = find_made(folder, [clip.id for clip in clips])
    for clip in tqdm(clips, desc=f"check_frames {request.row}", unit="clip", mininterval=10):
        if clip.id in found and (problem := compare(found[clip.id], clip)):
            problems.append(problem)
    if problems:
        raise FramesError(
            f"methods.{request.row}.frames: {len(problems)} of {len(clips)} {request.split} clips of "
            f"{request.dataset} in {folder} do not fit:\n  " + "\n  ".join(few(problems))
        )
    write_manifest(out, [with_file(clip, found[clip.id]) for clip in clips])


def import_frames(request: ImportFrames, clips: Path, plan: Path | None, out: Path) -> None:
    """Write the SR store of one shard from files of another tool.

    Args:
        request: split and shard.
        clips: manifest of the files, from ``check_frames``.
        plan: frames to read; without it all frames.
        out: SR store.

    Raises:
        FramesError: a file has changed since it was checked, or the plan lacks a clip.
        VideoError: a file cannot be decoded.
        pipeline.video.process.FfmpegError: ffmpeg was killed or could not work.
    """
    read = read_plan(plan) if plan else None
    with ShardWriter(out) as writer:
        for clip in select(read_manifest(clips), request.split, request.shard):
            path = Path(clip.path)
            if content_hash(path) != clip.content:
                raise FramesError(f"{path}: changed since it was checked; run again")
            if read is not None and clip.id not in read:
                raise FramesError(f"{clip.id} is not in {plan}; make the plan again")
            planned = read[clip.id].all_frames if read is not None else range(clip.frames)
            # A one-frame clip is planned with a field whose second frame does not exist.
            numbers = [number for number in planned if number < clip.frames]
            writer.add(clip.id, read_made(path, numbers), index=numbers)
