"""Frames in and out of video files, through ffmpeg's pipes.

Decoded frames travel as PPM images, each of which says its own size, so nothing is probed first.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import ffmpeg
import numpy as np

from pipeline.errors import PipelineError
from pipeline.files import atomic_path

OLDEST_VERSION = (5, 1)
"""The first ffmpeg with -fps_mode, which keeps frames from being dropped or repeated."""

QUIET = ("-nostdin", "-loglevel", "error")
ONE_THREAD = ("-filter_threads", "1", "-filter_complex_threads", "1")
"""Of the conversion of colours: more cost time on a busy machine (benchmarks/short_jobs.py)."""


class VideoError(PipelineError):
    """A video that cannot be decoded or encoded; ``frames`` is how many came before."""

    def __init__(self, message: str, frames: int = 0) -> None:
        super().__init__(message)
        self.frames = frames


@lru_cache(maxsize=1)
def find_ffmpeg() -> str:
    """The system's ffmpeg where it is new enough, else the one bundled with imageio-ffmpeg."""
    system = shutil.which("ffmpeg")
    if system:
        banner = subprocess.run([system, "-version"], capture_output=True, text=True, check=False).stdout
        version = re.match(r"ffmpeg version n?(\d+)\.(\d+)", banner)
        # Builds from git ("N-12345-g...") carry no number and are newer than any we refuse.
        if banner.startswith("ffmpeg version N-") or (
            version and (int(version[1]), int(version[2])) >= OLDEST_VERSION
        ):
            return system
    import imageio_ffmpeg  # its import looks for a binary: only where one is needed

    return imageio_ffmpeg.get_ffmpeg_exe()


def read_frames(path: Path | str, max_frames: int | None = None) -> Iterator[np.ndarray]:
    """Decode the first video stream: its own frames, none repeated, none dropped.

    Memory holds one frame. Ending the iteration early ends ffmpeg.

    Args:
        path: a file of any format and codec that ffmpeg reads.
        max_frames: stop after so many; what follows is not checked.

    Yields:
        Frames (h, w, 3), uint8, RGB, writable.

    Raises:
        VideoError: the file is missing, broken or cut short; raised after its good frames, with
            ffmpeg's last message and the number of frames that came.
    """
    path = Path(path)
    if not path.is_file():
        raise VideoError(f"{path}: no such video file")
    # "file:" keeps names with colons from being read as a protocol.
    source = ffmpeg.input(f"file:{path}", threads=1)
    limit = {} if max_frames is None else {"frames:v": max_frames}
    stream = ffmpeg.output(
        source["v:0"],
        "pipe:1",
        format="image2pipe",
        vcodec="ppm",
        pix_fmt="rgb24",
        fps_mode="passthrough",
        **limit,
    )
    command = stream.global_args(*QUIET, *ONE_THREAD).compile(cmd=find_ffmpeg())
    count, torn = 0, False
    # A file takes any number of messages; a pipe that nobody reads would stop ffmpeg.
    with tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=messages, bufsize=1 << 20
        )
        try:
            while (size := _read_header(process.stdout)) is not None:
                width, height = size
                frame = np.empty((height, width, 3), np.uint8)
                if process.stdout.readinto(frame.data.cast("B")) < frame.nbytes:
                    torn = True
                    break
                count += 1
                yield frame
            code = process.wait()
        finally:
            # Reached with ffmpeg still at work when the caller stops early or a frame is unreadable.
            process.kill()
            process.stdout.close()
            process.wait()
        problem = _last_message(messages)
    if code != 0 or torn or problem or count == 0:
        reason = problem or (f"ffmpeg ended with status {code}" if code else "it holds no video frames")
        raise VideoError(f"{path}: {reason} (after {count} good frames)", count)


def _read_header(pipe: IO[bytes]) -> tuple[int, int] | None:
    """Width and height out of "P6\\nW H\\n255\\n"; None at the stream's end."""
    magic = pipe.readline()
    size, depth = pipe.readline().split(), pipe.readline()
    if magic != b"P6\n" or len(size) != 2 or depth != b"255\n":
        return None
    return int(size[0]), int(size[1])


def _last_message(messages: IO[bytes]) -> str:
    """The last line ffmpeg wrote that names a cause, without the decoder's address."""
    messages.seek(0)
    lines = [line.strip() for line in messages.read().decode(errors="replace").splitlines() if line.strip()]
    # ffmpeg closes with general lines ("Error opening input files: ..."); the cause stands before.
    causes = [line for line in lines if line.startswith("[") and "Error opening" not in line] or lines
    return re.sub(r"^\[([^\]@]+?)(?: @ [^\]]*)?\]\s*", r"\1: ", causes[-1]) if causes else ""


def write_video(path: Path | str, frames: Iterable[np.ndarray], fps: float, **options: Any) -> int:
    """Encode RGB frames; the file appears when all are written, and not before.

    Args:
        path: target; its suffix names the container.
        frames: arrays (h, w, 3), uint8, all of one size; read once, streamed.
        fps: frames a second.
        options: ffmpeg's output options; by default MPEG-4 of the highest quality
            (``vcodec="mpeg4", **{"q:v": 1}``).

    Returns:
        Number of frames written.

    Raises:
        VideoError: no frames, frames of different sizes, or ffmpeg refuses.
    """
    chosen = options or {"vcodec": "mpeg4", "q:v": 1, "qmin": 1, "pix_fmt": "yuv420p"}
    remaining = iter(frames)
    first = next(remaining, None)
    if first is None:
        raise VideoError(f"{path}: no frames to write")
    height, width = first.shape[:2]
    source = ffmpeg.input(
        "pipe:0", format="rawvideo", pix_fmt="rgb24", video_size=(width, height), framerate=fps
    )
    count = 0
    with atomic_path(Path(path)) as temporary, tempfile.TemporaryFile() as messages:
        # Bit-exact: no encoder version, date or machine-dependent arithmetic in the file.
        stream = ffmpeg.output(
            source,
            f"file:{temporary}",
            fflags="+bitexact",
            **{"flags:v": "+bitexact", "threads": 1},
            **chosen,
        )
        command = stream.global_args("-y", *QUIET, *ONE_THREAD).compile(cmd=find_ffmpeg())
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=messages, bufsize=1 << 20
        )
        try:
            for frame in _chain(first, remaining):
                if frame.shape != (height, width, 3) or frame.dtype != np.uint8:
                    raise VideoError(
                        f"{path}: frame {count} is {frame.shape} {frame.dtype}, "
                        f"expected {(height, width, 3)} uint8",
                        count,
                    )
                process.stdin.write(np.ascontiguousarray(frame).data)
                count += 1
            process.stdin.close()
            code = process.wait()
        except BrokenPipeError:
            code = process.wait()
        finally:
            process.kill()
            process.wait()
            if not process.stdin.closed:
                _close_quietly(process.stdin)
        if code != 0:
            raise VideoError(
                f"{path}: {_last_message(messages) or f'ffmpeg ended with status {code}'}", count
            )
    return count


def _chain(first: np.ndarray, rest: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    yield first
    yield from rest


def _close_quietly(pipe: IO[bytes]) -> None:
    """Close a pipe whose reader is gone, whatever is left in its buffer."""
    try:
        pipe.close()
    except BrokenPipeError:
        return
