"""Decodes video files and folders of pictures; encodes video. ffmpeg works through pipes.

Decoded frames are transferred as PPM images, which contain their size, so the file need not be probed first.
"""

from __future__ import annotations

import io
import itertools
import subprocess
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any, cast

import ffmpeg
import numpy as np

from pipeline.errors import PipelineError
from pipeline.files import atomic_path
from pipeline.video.clock import Clock
from pipeline.video.messages import REPORT_SIZE, REPORT_TIMES, Messages
from pipeline.video.pictures import PictureError, decode_pictures
from pipeline.video.process import QUIET, Ffmpeg, FfmpegError, find_ffmpeg

ONE_THREAD = ("-filter_threads", "1", "-filter_complex_threads", "1")
"""Threads for colour conversion: more of them cost time on a busy machine (benchmarks/short_jobs.py)."""

CONTAINERS = (
    "3gp,apng,asf,asf_o,av1,avi,avs2,avs3,cavsvideo,dirac,dnxhd,dv,evc,flv,gif,gxf,h261,h263,h264,hevc,ivf,"
    "live_flv,m4v,matroska,mjpeg,mov,mpeg,mpegts,mpegvideo,mxf,nut,nuv,obu,ogg,rm,vc1,vvc,wtv,yuv4mpegpipe"
)
"""Formats that contain their video. Playlists and manifests (concat, dash, hls, ...) refer to other files
anywhere on the machine, and names of pictures may be patterns."""


class VideoError(PipelineError):
    """A video cannot be decoded or encoded; ``frames`` is the number of frames before the error."""

    def __init__(self, message: str, frames: int = 0) -> None:
        super().__init__(message)
        self.frames = frames


def read_frames(
    path: Path | str,
    max_frames: int | None = None,
    notes: list[str] | None = None,
    clock: Clock | None = None,
) -> Iterator[np.ndarray]:
    """Decode the first video stream that is not an attached picture, without repeated or dropped frames.

    At most two frames are in memory. Ending the iteration early ends ffmpeg. No other file is opened.

    Args:
        path: a file of any codec that ffmpeg reads, in one of ``CONTAINERS``; or a folder of numbered
            pictures (pipeline.video.pictures).
        max_frames: stop after this number; the rest of the file may be damaged.
        notes: gets ffmpeg's complaints if all frames are right nevertheless.
        clock: gets the times at which the frames are shown, after the last one.

    Yields:
        Frames (h, w, 3), uint8, RGB, writable.

    Raises:
        VideoError: the file is missing, broken, cut short or changes its resolution; raised after the
            frames that could be decoded, with the cause and their number.
        FfmpegError: ffmpeg could not work, or the disk cannot be read; this says nothing about the file.
    """
    path = Path(path)
    if path.is_dir():
        yield from _read_pictures(path, max_frames)
        return
    if not path.is_file():
        raise VideoError(f"{path}: no such video file")
    if path.stat().st_size == 0:
        raise VideoError(f"{path}: the file is empty")
    for number in itertools.count():
        messages = Messages()
        with closing(_decode(path, number, max_frames, messages, clock is not None)) as frames:
            first = next(frames)
            try:
                second = next(frames, None)
            except VideoError:
                yield first
                raise
            videos = [kind for kind, _ in messages.streams if kind == "Video"]
            if second is None and max_frames != 1 and number + 1 < len(videos):
                continue  # a cover picture, which not every container marks
            yield first
            if second is not None:
                yield second
            yield from frames
        if notes is not None:
            notes += messages.notes()
        if clock is not None:
            clock.take(messages.clock)
        return


def _read_pictures(path: Path, max_frames: int | None) -> Iterator[np.ndarray]:
    count = 0
    try:
        for frame in decode_pictures(path, max_frames):
            count += 1
            yield frame
    except PictureError as error:
        raise VideoError(f"{path}: {error} ({count} frames came)", count) from error
    except OSError as error:
        raise FfmpegError(
            f"{path}: cannot be read: {error.strerror}; check the disk and run again"
        ) from error


def _decode(
    path: Path, number: int, max_frames: int | None, messages: Messages, timed: bool
) -> Generator[np.ndarray, None, None]:
    """Frames of one of a file's video streams, at least one; ``messages`` gets ffmpeg's messages."""
    # With "file:", names with colons are not read as a protocol.
    source = ffmpeg.input(f"file:{path}", threads=1, protocol_whitelist="file", format_whitelist=CONTAINERS)
    limit = {} if max_frames is None else {"frames:v": max_frames}
    stream = ffmpeg.output(
        source[f"V:{number}"],
        "pipe:1",
        format="image2pipe",
        vcodec="ppm",
        pix_fmt="rgb24",
        fps_mode="passthrough",
        vf=f"{REPORT_TIMES},{REPORT_SIZE}" if timed else REPORT_SIZE,
        # Numbers instead of time stamps, because frames may share a time stamp, which a muxer refuses.
        **{"bsf:v": "setts=ts=N"},
        **limit,
    )
    command = stream.global_args(*QUIET, *ONE_THREAD).compile(cmd=find_ffmpeg())
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
    count, torn = 0, False
    with Ffmpeg(command, f"decoding {path}", messages, **pipes) as decoder:
        pipe = cast(io.BufferedReader, decoder.process.stdout)
        while (size := _read_header(pipe)) is not None:
            width, height = size
            frame = np.empty((height, width, 3), np.uint8)
            if pipe.readinto(frame.data.cast("B")) < frame.nbytes:
                torn = True
                break
            count += 1
            yield frame
        code = decoder.wait()
    if reason := _find_fault(messages, code, torn, count):
        _check_readable(path)
        raise VideoError(f"{path}: {reason} ({count} frames came)", count)


def _read_header(pipe: IO[bytes]) -> tuple[int, int] | None:
    """Width and height from "P6\\nW H\\n255\\n"; None at the end of the stream."""
    magic = pipe.readline()
    size, depth = pipe.readline().split(), pipe.readline()
    if magic != b"P6\n" or len(size) != 2 or depth != b"255\n":
        return None
    return int(size[0]), int(size[1])


def _find_fault(messages: Messages, code: int, torn: bool, count: int) -> str | None:
    """The fault of a file that ffmpeg read to its end; None if there is none."""
    if messages.find("matches no streams"):
        return messages.without_video()
    if messages.find("not on whitelist"):
        return "not a video but a playlist, manifest, picture or sound; ffmpeg may read no other file for it"
    if code:
        return messages.cause() or f"ffmpeg ended with status {code}"
    if damage := messages.damage():
        return damage
    if torn:
        return "its last frame is torn"
    if len(messages.sizes) > 1:
        (width, height), *_, (last_width, last_height) = messages.sizes
        return f"its resolution changes on the way, from {width}x{height} to {last_width}x{last_height}"
    return None if count else "it holds no video frames"


def _check_readable(path: Path) -> None:
    """Read a file to its end, because ffmpeg treats a read error of the disk as the end of the file.

    Raises:
        FfmpegError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            while file.read(1 << 24):
                pass
    except OSError as error:
        raise FfmpegError(
            f"{path}: cannot be read: {error.strerror}; check the disk and run again"
        ) from error


def write_video(path: Path | str, frames: Iterable[np.ndarray], fps: float, **options: Any) -> int:
    """Encode RGB frames; the file appears when it is complete.

    Args:
        path: target; its suffix names the container.
        frames: arrays (h, w, 3), uint8, all of one size; read once, streamed.
        fps: frames per second.
        options: ffmpeg's output options; by default MPEG-4 of the highest quality
            (``vcodec="mpeg4", **{"q:v": 1}``).

    Returns:
        Number of frames written.

    Raises:
        VideoError: no frames, frames of different sizes, or ffmpeg refuses the options.
        FfmpegError: ffmpeg could not work, for example because the disk is full.
    """
    chosen = options or {"vcodec": "mpeg4", "q:v": 1, "qmin": 1, "pix_fmt": "yuv420p"}

    def output(target: Path, width: int, height: int) -> Any:
        source = ffmpeg.input(
            "pipe:0", format="rawvideo", pix_fmt="rgb24", video_size=(width, height), framerate=fps
        )
        # Bit-exact: no encoder version, date or machine-dependent arithmetic in the file.
        exact = {"fflags": "+bitexact", "flags:v": "+bitexact", "threads": 1}
        return ffmpeg.output(source, f"file:{target}", **exact, **chosen)

    return encode(path, frames, output)


def encode(
    path: Path | str,
    frames: Iterable[np.ndarray],
    output: Callable[[Path, int, int], Any],
    head: Callable[[int, int], bytes] | None = None,
) -> int:
    """Pipe frames into ffmpeg; the file appears when it is complete. Raises as ``write_video``.

    Args:
        path: target.
        frames: as in ``write_video``.
        output: ffmpeg's output, given a temporary path, width and height; it reads the frames from pipe:0.
        head: bytes before a frame's pixels, given its number and the pixels' size; None: only pixels.

    Returns:
        Number of frames written.
    """
    remaining = iter(frames)
    first = next(remaining, None)
    if first is None:
        raise VideoError(f"{path}: no frames to write")
    height, width = first.shape[:2]
    count = 0
    with atomic_path(Path(path)) as temporary:
        stream = output(temporary, width, height)
        command = stream.global_args("-y", *QUIET, *ONE_THREAD).compile(cmd=find_ffmpeg())
        messages, pipes = Messages(), {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL}
        with Ffmpeg(command, f"encoding {path}", messages, **pipes) as encoder:
            target = encoder.process.stdin
            assert target is not None  # a pipe
            try:
                for frame in itertools.chain([first], remaining):
                    if frame.shape != (height, width, 3) or frame.dtype != np.uint8:
                        raise VideoError(
                            f"{path}: frame {count} is {frame.shape} {frame.dtype}, "
                            f"expected {(height, width, 3)} uint8",
                            count,
                        )
                    if head:
                        target.write(head(count, frame.nbytes))
                    target.write(np.ascontiguousarray(frame).data)
                    count += 1
                target.close()
            except BrokenPipeError:
                pass  # ffmpeg has ended; its status says why
            code = encoder.wait()
        if code != 0:
            reason = messages.cause() or f"ffmpeg ended with status {code}"
            raise VideoError(f"{path}: {reason}", count)
    return count
