"""Writes video whose frames keep the time stamps, and the sound, of another."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import ffmpeg
import numpy as np

from pipeline.video.clock import Clock
from pipeline.video.frames import CONTAINERS, VideoError, encode
from pipeline.video.matroska import NANOSECONDS, frame_head, stream_head

Codec = Literal["h264", "h265", "ffv1"]

# Tagged, because players disagree about the matrix of untagged video.
BT709 = {
    "vf": "scale=out_color_matrix=bt709:out_range=tv",
    "colorspace": "bt709",
    "color_primaries": "bt709",
    "color_trc": "bt709",
    "color_range": "tv",
    "pix_fmt": "yuv420p",
}
ENCODERS: dict[Codec, dict[str, Any]] = {
    "h264": {"vcodec": "libx264", **BT709},
    "h265": {"vcodec": "libx265", "x265-params": "log-level=error", "tag:v": "hvc1", **BT709},
    "ffv1": {"vcodec": "ffv1", "pix_fmt": "bgr0"},
}
CRF: dict[Codec, int] = {"h264": 16, "h265": 18}
"""Default quality, close to lossless for the eye; 0 is the best, +6 halves the size."""

SUFFIXES = {"h264": (".mp4", ".mkv", ".mov"), "h265": (".mp4", ".mkv", ".mov"), "ffv1": (".mkv",)}
"""Containers of each codec; the first is the default."""


def write_timed(
    path: Path,
    frames: Iterable[np.ndarray],
    clock: Clock,
    codec: Codec = "h264",
    crf: int | None = None,
    sound: Path | None = None,
) -> int:
    """Encode RGB frames at their times; the file appears when it is complete.

    Time stamps are exact in .mp4 and .mov, and rounded to milliseconds in .mkv. Without sound, the first
    frame is shown at 0.

    Args:
        path: target, with one of ``SUFFIXES``.
        frames: arrays (h, w, 3), uint8, all of one size; h and w even, except for ffv1. Read once, streamed.
        clock: when they are shown.
        codec: h264 and h265 have colours at half the resolution; ffv1 is lossless.
        crf: quality of h264 and h265, 0 to 51; None: ``CRF``.
        sound: file whose sound streams, metadata and chapters are copied; None: no sound.

    Returns:
        Number of frames written.

    Raises:
        VideoError: as ``write_video``; or the sound does not fit into the container.
        FfmpegError: ffmpeg could not work, for example because the disk is full.
    """
    options = dict(ENCODERS[codec])
    if codec in CRF:
        options["crf"] = CRF[codec] if crf is None else crf
    if not clock.steady:
        # With frames out of order, .mp4 holds the lengths of others, and may end before its last frame.
        options["bf"] = 0
    shape = f"setsar={clock.shape.numerator}/{clock.shape.denominator}"
    options["vf"] = ",".join([part for part in (options.get("vf"), shape) if part])
    tick, first = clock.tick, clock.starts[0]
    usual = round(NANOSECONDS / clock.rate)

    def output(target: Path, width: int, height: int) -> Any:
        offset = float(first * tick) if sound is not None else 0.0
        source = ffmpeg.input("pipe:0", format="matroska", itsoffset=f"{offset:.9f}")
        streams = [source["v:0"]]
        if sound is not None:
            # ffmpeg shifts a file's time stamps to begin at 0, here as when it was decoded.
            original = ffmpeg.input(f"file:{sound}", protocol_whitelist="file", format_whitelist=CONTAINERS)
            streams.append(original["a?"])
            options.update(acodec="copy", map_metadata=1, map_chapters=1)
        return ffmpeg.output(
            *streams,
            f"file:{target}",
            fps_mode="passthrough",
            enc_time_base=f"{tick.numerator}:{tick.denominator}",
            **options,
        )

    def head(number: int, size: int) -> bytes:
        start, length = (clock.starts[number] - first) * tick, clock.lengths[number] * tick
        one = frame_head(round(start * NANOSECONDS), round(length * NANOSECONDS), size)
        return one if number else stream_head(*sizes[0], usual) + one

    sizes: list[tuple[int, int]] = []

    def measured(target: Path, width: int, height: int) -> Any:
        sizes.append((width, height))
        return output(target, width, height)

    try:
        return encode(path, frames, measured, head)
    except VideoError as error:
        if sound is not None and path.suffix.lower() != ".mkv" and "codec" in str(error):
            raise VideoError(
                f"{error}; {path.suffix} may not hold the sound of {sound}: give a name ending in .mkv",
                error.frames,
            ) from error
        raise
