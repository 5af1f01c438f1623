"""Runs ffmpeg, and reports failures that are not the video's fault: ffmpeg was killed or could not work."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from functools import lru_cache
from threading import Thread
from typing import Any

from pipeline.errors import PipelineError
from pipeline.video.messages import LEVEL, Messages

OLDEST_VERSION = (5, 1)
"""The first ffmpeg with -fps_mode, which prevents dropped and repeated frames."""

QUIET = ("-nostdin", "-hide_banner", "-nostats", "-loglevel", LEVEL)

SHORTAGE = re.compile(
    "No space left on device|Cannot allocate memory|Too many open files|Resource temporarily unavailable"
    "|Stale file handle|error while loading shared libraries"
)
"""Errors about resources that the machine lacks."""


class FfmpegError(PipelineError):
    """ffmpeg failed for reasons other than the video: not started, killed, no memory or disk space."""


@lru_cache(maxsize=1)
def find_ffmpeg() -> str:
    """The system's ffmpeg if it is new enough, else the one bundled with imageio-ffmpeg.

    Raises:
        FfmpegError: there is none, or the system's was killed while it printed its version.
    """
    system = shutil.which("ffmpeg")
    if system:
        asked = subprocess.run([system, "-version"], capture_output=True, text=True, check=False)
        if name := _signal_name(asked.returncode):
            raise FfmpegError(f"{system} -version was killed by {name}; run again")
        version = re.match(r"ffmpeg version n?(\d+)\.(\d+)", asked.stdout)
        # Builds from git ("N-12345-g...") have no version number and are newer than all that we refuse.
        if asked.stdout.startswith("ffmpeg version N-") or (
            version and (int(version[1]), int(version[2])) >= OLDEST_VERSION
        ):
            return system
    try:
        import imageio_ffmpeg  # imported only if needed, because the import searches for a binary

        return imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError) as error:
        needed = ".".join(map(str, OLDEST_VERSION))
        raise FfmpegError(
            f"no ffmpeg: none of version {needed} or later is on the PATH, and imageio-ffmpeg has none "
            f"({error}); install either"
        ) from error


@lru_cache(maxsize=1)
def ffmpeg_version() -> str:
    """First line of ``ffmpeg -version``: version and build. Raises FfmpegError."""
    return _ask("-version").partition(" Copyright")[0].splitlines()[0]


@lru_cache(maxsize=1)
def find_encoders() -> frozenset[str]:
    """Names of the encoders that this machine's ffmpeg has. Raises FfmpegError."""
    lines = _ask("-hide_banner", "-encoders").partition("------")[2].splitlines()
    return frozenset(line.split()[1] for line in lines if len(line.split()) > 1)


def _ask(*options: str) -> str:
    program = find_ffmpeg()
    try:
        return subprocess.run([program, *options], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise FfmpegError(f"{program} {' '.join(options)}: {error}; repair it and run again") from error


class Ffmpeg:
    """A running ffmpeg, which is ended with the ``with`` block in any case.

    Args:
        command: its arguments, the program first.
        task: description for messages, such as "decoding a.avi".
        messages: gets its messages.
        pipes: ``stdin`` and ``stdout`` as in Popen.

    Raises:
        FfmpegError: it did not start.
    """

    def __init__(self, command: list[str], task: str, messages: Messages, **pipes: Any) -> None:
        self.task, self.messages = task, messages
        try:
            self.process = subprocess.Popen(command, stderr=subprocess.PIPE, bufsize=1 << 20, **pipes)
        except OSError as error:
            raise FfmpegError(f"{task}: {command[0]} did not start: {error.strerror}; run again") from error
        self._reader = Thread(target=messages.read, args=(self.process.stderr,), daemon=True)
        try:
            self._reader.start()
        except RuntimeError as error:  # no more threads
            self.process.kill()
            self.process.wait()
            raise FfmpegError(f"{task}: {error}; run again with fewer jobs at once") from error

    def __enter__(self) -> Ffmpeg:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                _close_quietly(pipe)
        self.process.wait()
        self._reader.join()
        assert self.process.stderr is not None  # a pipe, which the reader read
        self.process.stderr.close()

    def wait(self) -> int:
        """Exit status of an ffmpeg that ended by itself, with or without success.

        Raises:
            FfmpegError: it was killed, or the machine lacked a resource.
        """
        code = self.process.wait()
        self._reader.join()
        if name := _signal_name(code) or self.messages.find("^Exiting normally|^Received > 3 system signals"):
            hint = (
                "as the kernel does when memory is short; run again with more memory or fewer jobs at once"
                if name == "SIGKILL"
                else "run again; if it happens again with this file, remove the file"
            )
            raise FfmpegError(f"{self.task}: ffmpeg was killed ({name}), {hint}")
        if code in (126, 127):
            said = next(iter(self.messages.notes()), f"status {code}")
            raise FfmpegError(f"{self.task}: ffmpeg did not start: {said}; repair it and run again")
        if shortage := self.messages.find(SHORTAGE):
            raise FfmpegError(f"{self.task}: {shortage}; make room and run again")
        return code


def _signal_name(code: int) -> str | None:
    """Name of the signal that ended a process; a shell in between reports 128 + the signal's number.

    ffmpeg's own statuses are error numbers modulo 256, none of which in this range is about a file.
    """
    number = -code if code < 0 else code - 128 if 128 < code < 128 + 32 else 0
    return signal.Signals(number).name if number in set(signal.Signals) else None


def _close_quietly(pipe: Any) -> None:
    """Close a pipe whose reader may have ended, discarding its buffer."""
    try:
        pipe.close()
    except BrokenPipeError:
        return
