"""Video compression: the clip is encoded as a whole by ffmpeg, and decoded again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from pipeline.config.degradation import Level, Shot, Step
from pipeline.config.section import PositiveFloat, PositiveInt

if TYPE_CHECKING:
    import numpy as np

X26X = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
)


class Encoder(NamedTuple):
    """An encoder of ffmpeg: name, label, largest CRF, name and values of the preset, further options."""

    name: str
    label: str
    most: int
    preset: str
    presets: tuple[str, ...]
    options: dict[str, Any]


ENCODERS = {
    "h264": Encoder("libx264", "H.264", 51, "preset", X26X, {}),
    # One thread of x265 is a matter of its pool, not of ffmpeg's -threads.
    "h265": Encoder(
        "libx265", "H.265", 51, "preset", X26X, {"x265-params": "pools=none:frame-threads=1:log-level=error"}
    ),
    "av1": Encoder("libaom-av1", "AV1", 63, "cpu-used", tuple("012345678"), {"row-mt": 0}),
}


class Codec(Step):
    """H.264, H.265 or AV1 in 8 bits, 4:2:0, by one thread; odd sides are padded by their last pixel and cut.

    The same ffmpeg gives the same bytes on the same kind of processor.
    """

    encodes = True

    codec: Literal["h264", "h265", "av1"] = Field(
        description="encoder of ffmpeg: libx264, libx265 or libaom-av1"
    )
    crf: int | None = Field(None, ge=0, description="constant quality, 0 (best) to 51, of av1 to 63")
    bitrate: PositiveInt | None = Field(None, description="mean bit rate in kbit/s, in place of crf")
    gop: PositiveInt = Field(250, description="largest distance of key frames in frames")
    preset: str | None = Field(
        None,
        description='effort: ultrafast to placebo, of av1 "0" (slow) to "8"; null: medium, of av1 "4"',
    )
    fps: PositiveFloat = Field(25.0, description="frames per second that the encoder assumes")

    @model_validator(mode="after")
    def _check(self) -> Self:
        encoder = ENCODERS[self.codec]
        if (self.crf is None) == (self.bitrate is None):
            raise ValueError("give either crf or bitrate")
        if self.crf is not None and self.crf > encoder.most:
            raise ValueError(f"crf is {self.crf}, but {self.codec} has 0 to {encoder.most}")
        if self.preset is not None and self.preset not in encoder.presets:
            listed = ", ".join(encoder.presets)
            raise ValueError(f"preset is {self.preset!r}, but {self.codec} has {listed}, as text")
        return self

    def level(self) -> Level:
        """Its CRF or bit rate."""
        label = ENCODERS[self.codec].label
        if self.crf is not None:
            return Level(f"{label} CRF", self.crf)
        assert self.bitrate is not None  # checked
        return Level(f"{label} kbit/s", self.bitrate)

    def lacking(self) -> str | None:
        """An ffmpeg without the encoder."""
        from pipeline.video.process import find_encoders, find_ffmpeg

        name = ENCODERS[self.codec].name
        if name in find_encoders():
            return None
        return (
            f"{find_ffmpeg()} has no encoder {name}; install an ffmpeg that has it (that of imageio-ffmpeg "
            "does), or take another codec"
        )

    def options(self) -> dict[str, Any]:
        """ffmpeg's output options."""
        encoder = ENCODERS[self.codec]
        default = "4" if self.codec == "av1" else "medium"
        rate: dict[str, Any] = {"b:v": f"{self.bitrate}k"} if self.crf is None else {"crf": self.crf}
        if self.codec == "av1" and self.crf is not None:
            rate["b:v"] = 0  # else libaom takes CRF for a bound of its own default bit rate
        chosen = {encoder.preset: self.preset or default, "g": self.gop, "pix_fmt": "yuv420p"}
        return {"vcodec": encoder.name, **chosen, **rate, **encoder.options}

    def apply(self, frames: Iterator[np.ndarray], shot: Shot) -> Iterator[np.ndarray]:
        """Encode all frames into a temporary file, then decode it frame by frame.

        Raises:
            VideoError: the encoder refuses the clip, or another number of frames comes back.
        """
        from pipeline.video.frames import VideoError, read_frames, write_video

        with tempfile.TemporaryDirectory() as folder:
            path, sizes = Path(folder, "clip.mkv"), list[tuple[int, int]]()
            try:
                written = write_video(path, _even(frames, sizes), self.fps, **self.options())
                (height, width), count = sizes[0], 0
                for frame in read_frames(path):
                    count += 1
                    yield frame[:height, :width]
            except VideoError as error:
                raise VideoError(f"{shot.clip}, {self.codec}: {error}", error.frames) from error
        if count != written:
            raise VideoError(f"{shot.clip}: {written} frames were encoded as {self.codec}, {count} came back")


def _even(frames: Iterator[np.ndarray], sizes: list[tuple[int, int]]) -> Iterator[np.ndarray]:
    """Frames with even sides, as 4:2:0 requires; ``sizes`` gets each frame's own."""
    import numpy as np

    for frame in frames:
        height, width = frame.shape[:2]
        sizes[:] = [(height, width)]
        yield np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
