"""Stages that make manifests: they decode every clip once to find its length and size."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from pathlib import Path

from pipeline.content import content_hash
from pipeline.data import cdvl134, folder
from pipeline.data.losses import count_losses
from pipeline.data.manifest import Clip, DataError, assign_shards, write_manifest
from pipeline.data.request import ListClips, ListVideos
from pipeline.data.sizes import fit
from pipeline.files import atomic_path
from pipeline.video.frames import VideoError, read_frames

NAMED = 10
"""Number of clips per reason that the log names; the CSV names all."""


def list_clips(
    request: ListClips,
    root: Path,
    splits: Path,
    out: Path,
    left_out: Path,
    notes: Path | None = None,
) -> list[Clip]:
    """Write the manifest of an action data set, and what was left out and why.

    Every clip is decoded to its end, so a broken one is found here and not in the middle of a run.
    Labels follow the data set's order of classes, numbered from 0 within the subset.

    Args:
        request: the data set's layout, split, subset of classes, shards.
        root: folder of the class folders.
        splits: folder of the official lists.
        out: manifest (CSV).
        left_out: CSV with the columns clip and reason.
        notes: CSV with the columns clip and note: ffmpeg's complaints about usable clips.

    Raises:
        DataError: nothing is left, a class lacks training or test clips, or the lists do not have the
            expected layout.
        pipeline.video.process.FfmpegError: ffmpeg was killed or could not work; no clip is left out for it.
    """
    dataset = request.dataset
    listing = dataset.find_clips(root, splits)
    labels = {name: label for label, name in enumerate(listing.classes)}
    clips: list[Clip] = []
    skipped = list(listing.left_out)
    noted: list[tuple[str, str]] = []
    for candidate in listing.candidates:
        entry = candidate.entry
        assert entry.split is not None  # others are left out
        measured = _measure(candidate.path, None, entry.id, noted, request.scale)
        if isinstance(measured, str):
            skipped.append((entry.id, measured))
            continue
        frames, height, width = measured
        clips.append(
            Clip(
                id=entry.id,
                path=str(candidate.path),
                class_name=entry.class_name,
                label=labels[entry.class_name],
                split=entry.split,
                frames=frames,
                height=_side(height, dataset.native, request.scale),
                width=_side(width, dataset.native, request.scale),
                shard=0,
                content=content_hash(candidate.path),
            )
        )
    clips = [
        clip
        for split, shards in (("train", dataset.shards.train), ("test", dataset.shards.test))
        for clip in _shard([clip for clip in clips if clip.split == split], shards)
    ]
    name = request.name
    _report(name, clips, skipped, left_out)
    _write_notes(notes, noted)
    _check_classes(name, listing.classes, ("test",) if dataset.native else ("train", "test"), clips, root)
    write_manifest(out, clips)
    return clips


def list_videos(
    request: ListVideos, root: Path, out: Path, left_out: Path, notes: Path | None = None
) -> list[Clip]:
    """Write the manifest of the training videos; heights and widths are those after resizing and cropping.

    Args:
        request: list, target size, limit of frames, shards.
        root: folder of the videos.
        out: manifest (CSV).
        left_out: CSV with the columns clip and reason.
        notes: CSV with the columns clip and note: ffmpeg's complaints about usable videos, and differences
            from the list.

    Raises:
        DataError: no video is left, or none of the list exists.
        pipeline.video.process.FfmpegError: ffmpeg was killed or could not work; no clip is left out for it.
    """
    found, skipped = folder.find_videos(root, request.listed)
    clips: list[Clip] = []
    noted: list[tuple[str, str]] = []
    for name, path in found:
        measured = _measure(path, request.max_frames, name, noted, request.scale)
        if isinstance(measured, str):
            skipped.append((name, measured))
            continue
        frames, height, width = measured
        size = fit(height, width, request.size, request.scale)
        height, width = (side // request.scale * request.scale for side in size)
        clips.append(Clip(name, str(path), "", 0, "train", frames, height, width, 0, content_hash(path)))
    clips = _shard(clips, request.shards)
    if request.listed:
        noted += cdvl134.differences(clips, request, request.scale)
    _report("training videos", clips, skipped, left_out)
    _write_notes(notes, noted)
    if not clips:
        raise DataError(f"{root}: no readable video; the reasons are listed above")
    write_manifest(out, clips)
    return clips


def _measure(
    path: Path, max_frames: int | None, name: str, noted: list[tuple[str, str]], least: int
) -> tuple[int, int, int] | str:
    """Frames, height and width of a video, or why it cannot be used; ``noted`` gets ffmpeg's complaints."""
    count, shape = 0, (0, 0, 0)
    said: list[str] = []
    try:
        for frame in read_frames(path, max_frames, said):
            count, shape = count + 1, frame.shape
    except VideoError as error:
        return f"broken: {error}"
    if min(shape[:2]) < least:
        return f"too small: {shape[1]}x{shape[0]} pixels, at least {least}x{least} are needed"
    noted += [(name, line) for line in said]
    return count, shape[0], shape[1]


def _side(pixels: int, native: bool, scale: int) -> int:
    """Side of the HR frames: of the file, cut to a multiple of the scale; for LR files what SR makes."""
    return pixels * scale if native else pixels // scale * scale


def _shard(clips: list[Clip], shards: int) -> list[Clip]:
    numbers = assign_shards([clip.frames for clip in clips], shards)
    return [Clip(**(vars(clip) | {"shard": shard})) for clip, shard in zip(clips, numbers, strict=True)]


def _report(label: str, clips: list[Clip], skipped: list[tuple[str, str]], left_out: Path) -> None:
    """Write what was left out, and log what was found; losses also go to standard output."""
    _write_csv(left_out, ("clip", "reason"), skipped)
    counts = Counter(clip.split for clip in clips)
    frames = sum(clip.frames for clip in clips)
    print(
        f"{label}: {counts['train']} train and {counts['test']} test clips, {frames} frames, "
        f"{len(skipped)} left out",
        file=sys.stderr,
    )
    by_reason: dict[str, list[str]] = {}
    for clip, reason in skipped:
        by_reason.setdefault(reason, []).append(clip)
    for reason, names in by_reason.items():
        more = f", ... (all in {left_out})" if len(names) > NAMED else ""
        print(f"  left out, {reason}: {', '.join(names[:NAMED])}{more}", file=sys.stderr)
    losses = count_losses(label, len(clips), left_out)
    if losses.lost:
        # Standard error goes to the job's log, standard output to the terminal.
        print(f"left out: {losses}, see {left_out}")


def _write_notes(notes: Path | None, noted: list[tuple[str, str]]) -> None:
    if notes is not None:
        _write_csv(notes, ("clip", "note"), noted)


def _write_csv(path: Path, header: tuple[str, str], rows: list[tuple[str, str]]) -> None:
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def _check_classes(
    label: str, classes: list[str], splits: tuple[str, ...], clips: list[Clip], root: Path
) -> None:
    if not clips:
        raise DataError(f"{label}: no listed clip is left in {root}; the reasons are listed above")
    lacking = [
        f"{name} ({split})"
        for name in classes
        for split in splits
        if not any(clip.class_name == name and clip.split == split for clip in clips)
    ]
    if lacking:
        raise DataError(
            f"{label}: no clip is left of {', '.join(lacking)} in {root}; the reasons are listed above. "
            "Add the clips, or name the classes to use in the data set's `classes`"
        )
