"""Hashes of files, and their cache."""

import hashlib
import os

import pytest

from pipeline import content
from pipeline.content import ContentError, Contents, content_hash


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "clip.avi"
    path.write_bytes(b"frames")
    return path


@pytest.fixture
def reads(monkeypatch):
    """Paths in the order in which their content was read."""
    paths = []

    def reading(path):
        paths.append(path)
        return content_hash(path)

    monkeypatch.setattr(content, "content_hash", reading)
    return paths


def test_the_hash_is_of_the_bytes_alone(file, tmp_path):
    other = tmp_path / "other.mp4"
    other.write_bytes(b"frames")
    assert content_hash(file) == content_hash(other)
    assert content_hash(file) == hashlib.blake2b(b"frames", digest_size=16).hexdigest()


def test_a_file_is_read_once(file, tmp_path, reads):
    memory = tmp_path / "memory.json"
    first = Contents(memory).hash(file)
    assert Contents(memory).hash(file) == first
    assert reads == [file]


def test_a_file_replaced_by_one_of_equal_size_and_time_is_read_again(file, tmp_path, reads):
    contents = Contents(tmp_path / "memory.json")
    first, before = contents.hash(file), file.stat()
    file.write_bytes(b"others")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert contents.hash(file) != first
    assert reads == [file, file]


def test_a_touched_file_has_the_same_hash(file, tmp_path):
    contents = Contents(tmp_path / "memory.json")
    first = contents.hash(file)
    os.utime(file)
    assert contents.hash(file) == first


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"clip.avi": 3}'])
def test_a_damaged_memory_is_none(file, tmp_path, text):
    memory = tmp_path / "memory.json"
    memory.write_text(text)
    assert Contents(memory).hash(file) == content_hash(file)


def test_nothing_is_remembered_where_nothing_can_be_written(file, tmp_path):
    memory = file / "memory.json"  # below a file
    assert Contents(memory).hash(file) == content_hash(file)


def test_a_plan_makes_no_folder(file, tmp_path):
    Contents(tmp_path / "results/memory.json", create=False).hash(file)
    assert not (tmp_path / "results").exists()
    Contents(tmp_path / "results/memory.json").hash(file)
    assert (tmp_path / "results/memory.json").is_file()


def test_the_data_of_a_tensorflow_checkpoint_count_with_its_index(tmp_path):
    index, data = tmp_path / "model.index", tmp_path / "model.data-00000-of-00001"
    index.write_bytes(b"names")
    data.write_bytes(b"numbers")
    contents = Contents(tmp_path / "memory.json")
    first = contents.hash(index)
    data.write_bytes(b"other numbers")
    assert contents.hash(index) != first


def test_a_name_that_is_not_utf8(tmp_path):
    path = tmp_path / os.fsdecode(b"Andr\xe9.avi")
    path.write_bytes(b"frames")
    memory = tmp_path / "memory.json"
    assert Contents(memory).hash(path) == Contents(memory).hash(path) == content_hash(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ContentError, match=r"absent\.avi: cannot be read \(No such file"):
        Contents(tmp_path / "memory.json").hash(tmp_path / "absent.avi")
