"""HDF5 files on disks that fail and on file systems without locks."""

from __future__ import annotations

import errno
import fcntl
import os
import re

import numpy as np
import pytest

from pipeline import hdf5
from pipeline.files import DiskFullError
from pipeline.video.store import ShardReader, ShardWriter

FRAMES = np.random.default_rng(0).integers(0, 256, (70, 8, 8, 3), dtype=np.uint8)


class Failing:
    """A file whose writes fail after some."""

    def __init__(self, file, writes: int) -> None:
        self.file, self.left = file, writes

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, data):
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.file.write(data)


def write_stores(folder, writes: int, monkeypatch) -> None:
    create = hdf5._Disk.__init__

    def failing(disk, path):
        create(disk, path)
        disk._file = Failing(disk._file, writes)

    with monkeypatch.context() as patch:
        patch.setattr(hdf5._Disk, "__init__", failing)
        with ShardWriter(folder / "hr.h5") as hr, ShardWriter(folder / "lr.h5") as lr:
            for clip in ("a/b", "c"):
                one, two = hr.start(clip), lr.start(clip)
                for frame in FRAMES:
                    one.append(frame)
                    two.append(frame[:2, :2])
                one.finish(engine="tvl1")
                two.finish()


def test_hdf5_survives_a_failure_at_any_write(tmp_path, monkeypatch):
    """Else the process ends with a segmentation fault, this test's as well."""
    for writes in [*range(12), *range(12, 130, 23)]:
        with pytest.raises(
            DiskFullError, match=r"[hl]r\.h5: No space left on device: it needs more than .* kB"
        ):
            write_stores(tmp_path, writes, monkeypatch)
        assert {path.name for path in tmp_path.iterdir()} <= {"lr.h5"}
    write_stores(tmp_path, 10_000, monkeypatch)
    with ShardReader(tmp_path / "hr.h5") as reader:
        np.testing.assert_array_equal(reader.read("a/b", range(70)), FRAMES)


def test_a_signals_exception_while_hdf5_writes_comes_out(tmp_path):
    class Ended(SystemExit):
        pass

    class Interrupted(Failing):
        def write(self, data):
            raise Ended

    def write() -> None:
        with ShardWriter(tmp_path / "a.h5") as writer:
            writer._new._disk._file = Interrupted(writer._new._disk._file, 0)
            writer.add("a", FRAMES)

    with pytest.raises(Ended):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_somebody_locked_is_read(tmp_path):
    with ShardWriter(tmp_path / "a.h5") as writer:
        writer.add("a", FRAMES)
    with (tmp_path / "a.h5").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with ShardReader(tmp_path / "a.h5") as reader:
            assert reader.clips == ["a"]


def test_one_module_opens_hdf5(root):
    opening = re.compile(r"h5py\.File\(|h5f\.(open|create)\(")
    files = [path for folder in ("pipeline", "benchmarks") for path in (root / folder).rglob("*.py")]
    assert [path.name for path in files if opening.search(path.read_text())] == ["hdf5.py"]


def test_a_missing_file_is_not_called_damaged(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.h5"), ShardReader(tmp_path / "none.h5"):
        pass
