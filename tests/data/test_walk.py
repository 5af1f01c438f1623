"""The walk over users' folders: links, cycles, junk, and names that are not UTF-8."""

import os

import pytest

from pipeline.data.manifest import DataError
from pipeline.data.names import shown
from pipeline.data.walk import walk


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names(root):
    return [name for name, _ in walk(root).files]


def test_files_come_in_the_order_of_their_parts_with_their_paths(tmp_path):
    touch(tmp_path, "b.avi", "a/z.avi", "a/b/c.avi", "a.avi", "a b/x.avi")
    found = walk(tmp_path)
    assert [name for name, _ in found.files] == ["a/b/c.avi", "a/z.avi", "a b/x.avi", "a.avi", "b.avi"]
    assert all(path == tmp_path / name for name, path in found.files)
    assert found.left_out == []


def test_links_to_folders_and_files_are_followed(tmp_path):
    touch(tmp_path, "store/more/x.avi", "root/a.avi")
    root = tmp_path / "root"
    (root / "linked").symlink_to("../store/more")
    (root / "again").symlink_to(tmp_path / "store")
    (root / "file.avi").symlink_to("../store/more/x.avi")
    assert names(root) == ["a.avi", "again/more/x.avi", "file.avi", "linked/x.avi"]
    (tmp_path / "entry").symlink_to("root")
    assert names(tmp_path / "entry") == names(root)


def test_no_walk_goes_in_circles(tmp_path):
    touch(tmp_path, "root/a/x.avi", "root/b/y.avi", "other.avi")
    root = tmp_path / "root"
    for link, target in {
        "a/self": ".",
        "a/up": "..",
        "a/top": "/",
        "a/parent": "../..",
        "b/a": "../a",
    }.items():
        (root / link).symlink_to(target)
    (root / "a" / "b").symlink_to("../b")
    found = walk(root)
    assert [name for name, _ in found.files] == ["a/b/y.avi", "a/x.avi", "b/a/x.avi", "b/y.avi"]
    reasons = dict(found.left_out)
    assert {"a/self", "a/up", "a/top", "a/parent", "a/b/a", "b/a/b"} <= set(reasons)
    assert set(reasons.values()) == {"a link back to a folder around it"}


def test_dangling_links_are_named_and_stop_nothing(tmp_path):
    touch(tmp_path, "a.avi")
    (tmp_path / "gone.avi").symlink_to("/nowhere/gone.avi")
    (tmp_path / "round.avi").symlink_to("round.avi")
    found = walk(tmp_path)
    assert [name for name, _ in found.files] == ["a.avi"]
    reasons = dict(found.left_out)
    assert reasons["gone.avi"] == "a link that leads nowhere: No such file or directory"
    assert "symbolic links" in reasons["round.avi"]


def test_junk_is_no_data(tmp_path):
    touch(tmp_path, "._a.avi", ".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX/a.avi", ".hidden/a.avi")
    touch(tmp_path, "@eaDir/a.avi", "$RECYCLE.BIN/a.avi", "README.txt", "#a.avi", "_a.avi")
    assert names(tmp_path) == ["#a.avi", "README.txt", "_a.avi"]


def test_what_is_no_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe.avi")
    assert walk(tmp_path).left_out == [("pipe.avi", "neither a file nor a folder")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_cannot_be_read_is_named(tmp_path):
    touch(tmp_path, "a.avi", "closed/b.avi")
    (tmp_path / "closed").chmod(0)
    try:
        found = walk(tmp_path)
    finally:
        (tmp_path / "closed").chmod(0o755)
    assert [name for name, _ in found.files] == ["a.avi"]
    assert "Permission denied" in dict(found.left_out)["closed"]


def test_names_that_are_not_utf8_keep_their_bytes(tmp_path):
    name = os.fsdecode("café.avi".encode("latin-1"))
    touch(tmp_path, name, "café.avi")
    assert {os.fsencode(found) for found in names(tmp_path)} == {b"caf\xe9.avi", "café.avi".encode()}
    assert {shown(found) for found in names(tmp_path)} == {r"caf\xe9.avi", "café.avi"}


def test_a_root_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"none: cannot be read: .*; expected a folder"):
        walk(tmp_path / "none")
