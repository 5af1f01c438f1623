"""Realistic videos, made by the real ffmpeg."""

import subprocess

import numpy as np
import pytest

from pipeline.video.frames import write_video
from pipeline.video.process import find_ffmpeg


@pytest.fixture(scope="session")
def call_ffmpeg():
    """Run ffmpeg with the given arguments, quietly."""

    def call(*arguments):
        command = [find_ffmpeg(), "-nostdin", "-y", "-v", "error", *map(str, arguments)]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)

    return call


@pytest.fixture(scope="session")
def moving():
    """Frames (40, 72, 96, 3) that differ everywhere: a pattern that drifts."""
    y, x = np.mgrid[:72, :96]
    waves = [np.sin(x / (3 + c) + y / 7 + np.arange(40)[:, None, None] / (2 + c)) for c in range(3)]
    return (127 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)


@pytest.fixture
def film(tmp_path, moving):
    """An H.264 film of 40 frames."""
    write_video(tmp_path / "film.mp4", moving, 25, vcodec="libx264")
    return tmp_path / "film.mp4"


@pytest.fixture
def fake_ffmpeg(tmp_path, monkeypatch):
    """Put a script named ffmpeg before all others; REAL in its lines is the real one, n counts its calls."""
    real = find_ffmpeg()

    def install(*lines: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir()
        count = (
            f"[ $1 = -version ] && exec {real} -version; echo >> {folder}/calls; n=$(wc -l < {folder}/calls)"
        )
        script = "\n".join(["#!/bin/bash", count, *lines]).replace("REAL", f'exec {real} "$@"')
        (folder / "ffmpeg").write_text(script + "\n")
        (folder / "ffmpeg").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        find_ffmpeg.cache_clear()

    yield install
    find_ffmpeg.cache_clear()
