"""Reads ffmpeg's messages, and decides which of them mean that a video is damaged.

Source: ffmpeg 5.1, 7.0 and 9.0 on damaged and on cut files (docs/decisions/0010-what-ffmpeg-says.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.video.clock import Clock

LEVEL = "level+info"
"""ffmpeg's -loglevel for this module; its lines are "[part @ address] [level] text"."""

REPORT_SIZE = "setsar=r='print(w*65536+h)*0+1'"
"""Filter that does not change pixels and prints the frames' size whenever it changes."""

REPORT_TIMES = "showinfo=checksum=0"
"""Filter that does not change frames and prints when each is shown."""

DAMAGE = re.compile(
    r"corrupt|damaged|invalid|illegal|\berrors?\b|truncat|prematurely|partial file|missing|mismatch"
    r"|over(read|flow|cons)|out of|outside|unavailable|not available|exceeds|conceal|broken|absent"
    r"|undecodable|no keyframe|could not find ref|too (long|short|small|large)|unexpected|contradict",
    re.IGNORECASE,
)
"""Words with which demuxers and decoders report damage, in lines of the level error."""

DAMAGED_FRAME = re.compile(r"corrupt (decoded frame|input packet)")
"""Warnings with which ffmpeg itself reports damage, whatever the codec."""

HARMLESS = re.compile(
    r"mmco: |number of reference frames|SEI type|VUI|APP fields|decode_app|granule|non.monoton",
    re.IGNORECASE,
)
"""Harmless errors, with all frames right: about references of cut H.264, metadata and time stamps."""

MOST = 1000
"""Number of different messages that are kept."""

_LINE = re.compile(r"((?:\[[^]]*\] )*)\[(panic|fatal|error|warning|info)\] (.*)")
_STREAM = re.compile(r" *Stream #0:\d+.*?: (Video|Audio|Subtitle|Data|Attachment): (\w+)(.*)")
_TICK = re.compile(r"config in time_base: (\d+)/(\d+)")
_SHOWN = re.compile(r"n: *\d+ pts: *(-?\d+|NOPTS) .*?duration: *(-?\d+|NOPTS) .*?sar:(\d+)/(\d+)")
_ENDED = re.compile("Exiting normally, received signal")
_OUTPUT = re.compile(r"\[(vf|vost|out)#|\[(image2pipe|ppm|swscaler|graph|auto_|Parsed_)")


@dataclass(frozen=True)
class Message:
    """A line: the part of ffmpeg that wrote it, its level ("foreign": not from ffmpeg), its text."""

    context: str
    level: str
    text: str

    @property
    def is_error(self) -> bool:
        """Whether ffmpeg calls it an error."""
        return self.level in ("error", "fatal", "panic")

    def __str__(self) -> str:
        """The text after the decoder's or demuxer's name, without addresses."""
        names = re.findall(r"\[([^]@]+?)(?: @ [^]]*)?\]", self.context)
        name = names[-1].split("/")[-1].removeprefix("dec:") if names else ""
        return self.text if name in ("", "NULL") or "#" in name else f"{name}: {self.text}"


@dataclass
class Messages:
    """Messages of one ffmpeg process; of messages that differ only in numbers, the first.

    Attributes:
        lines: warnings, errors and foreign lines, in order.
        sizes: (width, height) of the frames, each once, in order (REPORT_SIZE).
        streams: (kind, codec) of the file's streams: "Video", "Audio", "Attached picture", ...
        clock: when the frames are shown (REPORT_TIMES).
    """

    lines: dict[str, Message] = field(default_factory=dict)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    streams: list[tuple[str, str]] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)

    def read(self, lines: Iterable[bytes]) -> None:
        """Read to the end, in a separate thread, because a pipe that is not read would block ffmpeg."""
        # Lines before ffmpeg's first one come from others, such as the loader. Later lines without a level
        # continue the previous line.
        level, of_input = "foreign", True
        for line in lines:
            found = _LINE.match(line.decode(errors="replace").rstrip())
            context, level, text = found.groups() if found else ("", level, line.decode(errors="replace"))
            of_input = of_input and not text.startswith("Output #")
            if level != "info":
                self._keep(Message(context, level, text.strip()))
            elif size := re.fullmatch(r"(\d+)\.0+", text):
                shape = divmod(int(size[1]), 65536)
                self.sizes += [shape] * (shape not in self.sizes)
            elif shown := _SHOWN.match(text):
                start, length = (None if number == "NOPTS" else int(number) for number in shown.groups()[:2])
                self.clock.add(start, length)
                self.clock.set_shape(int(shown[3]), int(shown[4]))
            elif tick := _TICK.match(text):
                self.clock.set_tick(int(tick[1]), int(tick[2]))
            elif of_input and (stream := _STREAM.match(text)):
                kind, codec, rest = stream.groups()
                self.streams.append(("Attached picture" if "(attached pic)" in rest else kind, codec))
            elif _ENDED.match(text):
                self._keep(Message(context, level, text))

    def _keep(self, message: Message) -> None:
        key = re.sub(r"\b(0x)?[\dA-Fa-f]+\b|\d+", "", message.context + message.text)
        if message.text and len(self.lines) < MOST:
            self.lines.setdefault(key, message)

    def damage(self) -> str | None:
        """The first message that means damage; those of decoders and demuxers precede ffmpeg's own."""
        errors = [m for m in self._errors() if DAMAGE.search(m.text) and not _OUTPUT.search(m.context)]
        warnings = [m for m in self.lines.values() if m.level == "warning" and DAMAGED_FRAME.search(m.text)]
        return next(map(str, errors + warnings), None)

    def cause(self) -> str | None:
        """The first message that may say why ffmpeg failed."""
        return next(map(str, self._errors()), None)

    def notes(self) -> list[str]:
        """All errors and foreign lines; for an undamaged file these are the harmless ones."""
        return [str(message) for message in self.lines.values() if message.level != "warning"]

    def find(self, pattern: str | re.Pattern[str]) -> str | None:
        """The first message that contains a pattern."""
        return next((str(m) for m in self.lines.values() if re.search(pattern, m.text)), None)

    def without_video(self) -> str:
        """Description of the streams of a file without video."""
        held = " and ".join(f"{kind.lower()} ({codec})" for kind, codec in self.streams)
        return f"no video stream, only {held}" if held else "no video stream"

    def _errors(self) -> list[Message]:
        """Errors that are not harmless, without those about the file's sound."""
        # Prefixes, because the decoder of mp3 is called mp3float.
        sound = tuple(codec for kind, codec in self.streams if kind == "Audio" and codec != "none")
        return [
            message
            for message in self.lines.values()
            if message.is_error
            and not HARMLESS.search(message.text)
            and not any(part.startswith(sound) for part in re.findall(r"\w+", message.context))
        ]
