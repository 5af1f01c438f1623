"""The command ``upscale``: super-resolves a video, or all videos of a folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
from tqdm import tqdm

from pipeline.data.names import is_video, shown
from pipeline.data.walk import walk
from pipeline.errors import PipelineError
from pipeline.one_video.choice import SRChoice
from pipeline.one_video.options import add_machine, add_sr, choose_sr, parser
from pipeline.one_video.source import StreamedFrames, measure
from pipeline.one_video.superres import SR, enlarged, loaded, super_resolved_frames
from pipeline.video.frames import VideoError, read_frames
from pipeline.video.timed import CRF, SUFFIXES, Codec, write_timed

ABOUT = """Super-resolve a video by a factor of 4, or all videos of a folder.

A video may have any length: it is streamed, so memory does not grow with it. It is read once before, so that
damage is found first, and the time left is known. Its sound is copied; its frames keep their times, also at a
variable frame rate: exactly in .mp4 and .mov, to the millisecond in .mkv. Subtitles are left out.

VIDEO may have any codec that ffmpeg reads. OUT appears when it is complete: a killed command leaves none. If
VIDEO is a folder, all videos below it are taken, and OUT is a folder with the same names. Videos that exist
there are skipped; one that cannot be read is reported and left out."""

EXAMPLES = """examples:
  {program} upscale in.mp4 out.mp4 --method bicubic                  try it without any weights
  {program} upscale in.mp4 out.mp4 --method tosr                     after a run of the demo (config.yaml)
  {program} upscale in.mp4 out.mp4 --method sosr --configfile c.yaml       after a run of your own
  {program} upscale in.mp4 out.mkv --weights sosr.safetensors --codec ffv1      lossless, from a checkpoint
  {program} upscale in.mp4 out.mp4 --network vdsr --weights vdsr.pth     published weights
  {program} upscale in.mp4 both.mp4 --method tosr --compare          bicubic on the left, ToSR on the right
  {program} upscale videos upscaled --method tosr                    a folder of videos"""


class UpscaleError(PipelineError):
    """The output exists or cannot be what is asked for, or some videos of a folder failed."""


def parse(arguments: list[str]) -> partial[None]:
    """The call that the arguments ask for. Raises ChoiceError, UpscaleError."""
    options = parser("upscale", ABOUT, EXAMPLES)
    options.add_argument("video", type=Path, metavar="VIDEO", help="video, or folder of videos")
    options.add_argument("out", type=Path, metavar="OUT", help="video to write; for a folder, a folder")
    add_sr(options)
    options.add_argument("--compare", action="store_true", help="write bicubic (left) beside the result")
    options.add_argument(
        "--codec", choices=get_args(Codec), help="h264 by default; ffv1 is lossless; h265 is small but slow"
    )
    qualities = " and ".join(f"{crf} of {codec}" for codec, crf in CRF.items())
    options.add_argument(
        "--crf",
        type=int,
        choices=range(52),
        metavar="0-51",
        help=f"quality, 0 is the best; default: {qualities}",
    )
    options.add_argument("--force", action="store_true", help="replace what exists")
    add_machine(options)
    given = options.parse_args(arguments)
    suffix = given.out.suffix.lower()
    codec: Codec = given.codec or ("ffv1" if suffix == ".mkv" and given.video.is_dir() else "h264")
    return partial(
        upscale_videos,
        video=given.video,
        out=given.out,
        choice=choose_sr(given),
        codec=codec,
        crf=given.crf,
        compare=given.compare,
        force=given.force,
    )


def upscale_videos(
    video: Path,
    out: Path,
    choice: SRChoice,
    codec: Codec = "h264",
    crf: int | None = None,
    compare: bool = False,
    force: bool = False,
) -> None:
    """Super-resolve a video, or all videos below a folder.

    Args:
        video: file or folder.
        out: file or folder to write.
        choice: the network and its weights.
        codec: how the result is encoded.
        crf: quality of h264 and h265, 0 (best) to 51; None: ``pipeline.video.timed.CRF``.
        compare: write the bicubic frames on the left of the super-resolved ones.
        force: replace what exists.

    Raises:
        UpscaleError: ``out`` exists or has a suffix that does not fit; or videos of a folder failed.
        VideoError: the video cannot be read or written.
        CheckpointError, WeightsError: weights do not fit the network.
    """
    if not video.is_dir():
        _check(video, out, codec, force)
        with loaded(choice) as sr:
            upscale_video(sr, video, out, codec, crf, compare)
        return
    jobs = list(_jobs(video, out, codec))
    if not jobs:
        raise UpscaleError(f"{video}: no videos in this folder")
    failed = []
    with loaded(choice) as sr:
        for path, target in jobs:
            if target.exists() and not force:
                print(f"{target}: exists, skipped (--force makes it again)", file=sys.stderr)
                continue
            try:
                upscale_video(sr, path, target, codec, crf, compare)
            except VideoError as error:
                failed.append(path.name)
                print(f"left out: {error}", file=sys.stderr)
    if failed:
        raise UpscaleError(f"{len(failed)} of {len(jobs)} videos failed: {', '.join(map(shown, failed))}")


def upscale_video(
    sr: SR, video: Path, out: Path, codec: Codec = "h264", crf: int | None = None, compare: bool = False
) -> int:
    """Super-resolve one video; returns the number of frames. Raises VideoError, FfmpegError."""
    size, clock = measure(video)
    frames = super_resolved_frames(sr, StreamedFrames(read_frames(video)), size, name=str(video))
    if compare:
        frames = _beside_bicubic(video, frames, sr.request.scale)
    return write_timed(
        out, with_progress(frames, size.frames, f"{video.name} {sr.label}"), clock, codec, crf, video
    )


def with_progress(frames: Iterator[np.ndarray], total: int, name: str) -> Iterator[np.ndarray]:
    """The frames, with their number and the time left on standard error."""
    # In a log, a line every ten seconds; in a terminal, one that moves.
    interval = 0.5 if sys.stderr.isatty() else 10.0
    return iter(tqdm(frames, name, total=total, unit="frame", mininterval=interval))


def _beside_bicubic(video: Path, frames: Iterator[np.ndarray], scale: int) -> Iterator[np.ndarray]:
    for low, frame in zip(read_frames(video), frames, strict=True):
        yield np.hstack([enlarged(low, scale), frame])


def _jobs(folder: Path, out: Path, codec: Codec) -> Iterator[tuple[Path, Path]]:
    """The videos below a folder, each with its output; equal names of different suffixes keep theirs."""
    if out.exists() and not out.is_dir():
        raise UpscaleError(f"{out}: is a file, but {folder} is a folder of videos; give a folder")
    inside = out.resolve()
    found = [(name, path) for name, path in walk(folder).files if is_video(path.name)]
    found = [(name, path) for name, path in found if inside not in path.resolve().parents]
    stems = [str(Path(name).with_suffix("")) for name, _ in found]
    for (name, path), stem in zip(found, stems, strict=True):
        own = stem if stems.count(stem) == 1 else name
        yield path, out / f"{own}{SUFFIXES[codec][0]}"


def _check(video: Path, out: Path, codec: Codec, force: bool) -> None:
    if not video.exists():
        raise UpscaleError(f"{video}: no such video file")
    if out.is_dir():
        raise UpscaleError(
            f"{out}: is a folder; give the name of a video in it, such as {out / video.stem}.mp4"
        )
    if out.exists() and out.samefile(video):
        raise UpscaleError(f"{out}: is the video itself; give another name")
    if out.exists() and not force:
        raise UpscaleError(f"{out}: exists; give another name, or --force to replace it")
    if out.suffix.lower() not in SUFFIXES[codec]:
        raise UpscaleError(
            f"{out}: {codec} is written to {' or '.join(SUFFIXES[codec])}; change the name's end"
        )
