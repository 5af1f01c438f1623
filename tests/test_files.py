"""Atomic files, and leftovers of killed writers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.files import ABANDONED_SECONDS, atomic_folder, atomic_path, scratch_folder, write_whole

WRITER = """
import sys, time
from pathlib import Path
from pipeline.files import atomic_folder, atomic_path
from pipeline.termination import signals_as_exceptions
target = Path(sys.argv[1])
with signals_as_exceptions(), (atomic_folder if target.suffix == "" else atomic_path)(target) as temporary:
    (temporary / "part" if temporary.is_dir() else temporary).write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""
TARGETS = pytest.mark.parametrize("name", ["model.pt", "videos"])


@pytest.fixture
def start(root):
    """Start a process that writes half a file, or half a folder, and waits."""
    processes = []

    def started(target: Path, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        command = [*prefix, sys.executable, "-c", WRITER, str(target)]
        process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout.readline() == "writing\n"
        return process

    yield started
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def write(target: Path) -> None:
    with (atomic_path if target.suffix else atomic_folder)(target) as temporary:
        (temporary if target.suffix else temporary / "part").write_text("whole")


def hidden(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.startswith(".")]


def test_a_file_is_as_readable_as_any_other(tmp_path):
    (tmp_path / "other").touch()
    write_whole(tmp_path / "a.txt", b"content")
    assert (tmp_path / "a.txt").read_bytes() == b"content"
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "other").stat().st_mode


@TARGETS
def test_an_error_leaves_nothing(tmp_path, name):
    def fail() -> None:
        with (atomic_path if "." in name else atomic_folder)(tmp_path / name) as temporary:
            assert temporary.exists()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_takes_the_place_of_an_empty_one_alone(tmp_path):
    (tmp_path / "videos").mkdir()
    write(tmp_path / "videos")
    assert (tmp_path / "videos/part").read_text() == "whole"
    with pytest.raises(OSError, match="videos"):
        write(tmp_path / "videos")
    assert [path.name for path in tmp_path.iterdir()] == ["videos"]


@TARGETS
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_removes_what_is_unfinished(tmp_path, start, name, number):
    process = start(tmp_path / name)
    assert len(hidden(tmp_path)) == 1
    process.send_signal(number)
    assert process.wait() == 128 + number
    assert list(tmp_path.iterdir()) == []


def test_an_ignored_signal_stays_ignored(tmp_path, start):
    process = start(tmp_path / "model.pt", prefix=("nohup",))
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)


@TARGETS
def test_the_next_start_removes_what_a_killed_one_left(tmp_path, start, name):
    process = start(tmp_path / name)
    process.kill()
    process.wait()
    left = hidden(tmp_path)
    assert len(left) == 1
    write(tmp_path / "other.pt")
    assert hidden(tmp_path) == left
    write(tmp_path / name)
    assert hidden(tmp_path) == []


@TARGETS
def test_a_living_writers_file_stays(tmp_path, start, name):
    process = start(tmp_path / name)
    left = hidden(tmp_path)
    write(tmp_path / name)
    assert hidden(tmp_path) == left
    assert process.poll() is None


@pytest.mark.parametrize(("age", "stays"), [(0.0, True), (ABANDONED_SECONDS + 60, False)])
def test_another_machines_file_stays_until_it_is_old(tmp_path, age, stays):
    with atomic_path(tmp_path / "a.pt") as temporary:
        _, _, _, writer, *rest = temporary.name.split(".")
        there = ".".join(["", "a", "pt", "00000000" + writer[8:], *rest])
    (tmp_path / there).touch()
    then = time.time() - age
    os.utime(tmp_path / there, (then, then))
    write(tmp_path / "a.pt")
    assert (tmp_path / there).exists() == stays


def test_names_that_only_look_alike_stay(tmp_path):
    for name in (".a.pt", ".a.pt.notes", ".a.pt.12345678-1-12345678.pt.bak", "a.pt.12345678-1-12345678.pt"):
        (tmp_path / name).touch()
    before = set(tmp_path.iterdir())
    write(tmp_path / "a.pt")
    assert set(tmp_path.iterdir()) == before | {tmp_path / "a.pt"}


def test_a_scratch_folder_lies_beside_its_target_and_goes(tmp_path):
    with scratch_folder(tmp_path / "deep" / "videos") as scratch:
        assert scratch.parent == tmp_path / "deep"
        (scratch / "a").touch()
    assert list((tmp_path / "deep").iterdir()) == []
