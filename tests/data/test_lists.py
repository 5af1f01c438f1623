"""Lists in all accepted forms of lines, and errors that name the line."""

import pytest

from pipeline.data.lists import find_lists, read_classes, read_list
from pipeline.data.manifest import DataError


def read(tmp_path, *lines, labelled=None):
    (tmp_path / "list.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return [(line.path, line.number) for line in read_list(tmp_path / "list.txt", labelled)]


@pytest.mark.parametrize("ending", [".avi", ".mp4", ".mkv", ".webm", ".AVI", ".Mp4", ""])
@pytest.mark.parametrize("gap", [" ", "  ", "\t", " \t ", ",", ", "])
def test_a_label_follows_the_path_after_any_gap(tmp_path, ending, gap):
    assert read(tmp_path, f"A/v_A_c01{ending}{gap}12") == [(f"A/v_A_c01{ending}", 12)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("A/a.avi", ("A/a.avi", None)),
        ("A/a.avi ", ("A/a.avi", None)),
        ("A/a", ("A/a", None)),
        (r"A\a.avi 1", ("A/a.avi", 1)),
        ("./A/a.avi 1", ("A/a.avi", 1)),
        ("UCF-101//A/a.avi 1", ("UCF-101/A/a.avi", 1)),
        ("A/a.avi_b.avi 1", ("A/a.avi_b.avi", 1)),
        ("A/a.avi_b 1", ("A/a.avi_b", 1)),
        ("A/a.avi.mp4 1", ("A/a.avi.mp4", 1)),
        ("A/a.avi 120 1", ("A/a.avi", 1)),
        ("A b/a  b 2.avi 1", ("A b/a  b 2.avi", 1)),
        ("rock, paper; scissors!/a 3, b.avi 2", ("rock, paper; scissors!/a 3, b.avi", 2)),
        ("#2_(Gum)_[x]!;&_a b.avi 1", ("#2_(Gum)_[x]!;&_a b.avi", 1)),
        ("#2_(Gum) 1", ("#2_(Gum)", 1)),
        ('"A b/a b.avi" 1', ("A b/a b.avi", 1)),
        ("A/a'b\"c.avi 1", ("A/a'b\"c.avi", 1)),
        ("A/a.avi 01", ("A/a.avi", 1)),
    ],
)
def test_forms_of_a_line(tmp_path, line, expected):
    assert read(tmp_path, line) == [expected]


def test_a_number_at_the_end_of_a_name_is_no_label_where_other_lines_have_none(tmp_path):
    assert read(tmp_path, "A/clip 2", "A/clip") == [("A/clip 2", None), ("A/clip", None)]
    assert read(tmp_path, "A/clip 2.avi", "A/clip.avi") == [("A/clip 2.avi", None), ("A/clip.avi", None)]
    assert read(tmp_path, "clip 2 1", "clip 3 2") == [("clip 2", 1), ("clip 3", 2)]
    assert read(tmp_path, "clip 2", "clip", labelled=True) == [("clip", 2), ("clip", None)]


def test_comments_and_empty_lines_are_passed_over(tmp_path):
    assert read(tmp_path, "# made by hand, see a.avi or b", "", "#", "   ", "A/a 1") == [("A/a", 1)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path, encoding, end):
    text = "A/José.avi 1" + end + "A/射箭.avi 2"
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    (tmp_path / "list.txt").write_bytes((mark + text).encode(encoding))
    lines = read_list(tmp_path / "list.txt")
    assert [(line.path, line.number, line.row) for line in lines] == [
        ("A/José.avi", 1, 1),
        ("A/射箭.avi", 2, 2),
    ]


def test_bytes_that_are_not_utf8_are_kept(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"A/Andr\xe9.avi 1\n")
    (line,) = read_list(tmp_path / "list.txt")
    assert line.path.encode("utf-8", "surrogateescape") == b"A/Andr\xe9.avi"


@pytest.mark.parametrize("content", ["A/a.avi 1\n".encode("utf-16-le"), b"RIFF\0\0\0AVI", b"\xff\xfea"])
def test_what_is_no_text_is_said(tmp_path, content):
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(DataError, match=r"list\.txt: .*expected text.*UTF-8"):
        read_list(tmp_path / "list.txt")


def classes(tmp_path, *lines):
    (tmp_path / "classInd.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return read_classes(tmp_path / "classInd.txt")


@pytest.mark.parametrize("gap", [" ", "  ", "\t", ". ", ".", ") ", ","])
def test_classes(tmp_path, gap):
    assert classes(tmp_path, f"2{gap}b c (d, e)", f"1{gap}a") == {"a": 1, "b c (d, e)": 2}
    assert list(classes(tmp_path, f"2{gap}b", f"1{gap}a")) == ["a", "b"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1 Diving", r"line 2: found number 1 again, first in line 1; expected each"),
        ("2 Archery", r"line 2: found class Archery again, first in line 1; expected each"),
        ("Diving", r'line 2: found "Diving", expected "number class"'),
        ("Diving 2", r'line 2: found "Diving 2", expected "number class"'),
    ],
)
def test_malformed_classes_name_file_line_and_what_is_expected(tmp_path, line, words):
    with pytest.raises(DataError, match=rf"classInd\.txt, {words}"):
        classes(tmp_path, "1 Archery", line)


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def found(folder):
    lists = find_lists(folder, r"(.+)_test_split0*1\.txt", "*_test_split1.txt")
    return {key: path.relative_to(folder).as_posix() for key, path in lists.items()}


@pytest.mark.parametrize("above", ["", "lists/", "a/b/"])
def test_lists_are_found_in_the_folder_or_in_one_below(tmp_path, above):
    touch(tmp_path, f"{above}jump_test_split1.txt", f"{above}clap_TEST_split01.TXT", "README", "x/y.avi")
    touch(
        tmp_path, "__MACOSX/._jump_test_split1.txt", f"{above}._jump_test_split1.txt", "jump_test_split2.txt"
    )
    assert found(tmp_path) == {
        "jump": f"{above}jump_test_split1.txt",
        "clap": f"{above}clap_TEST_split01.TXT",
    }


def test_a_link_to_the_folder_of_lists_is_no_second_one(tmp_path):
    touch(tmp_path, "new/jump_test_split1.txt")
    (tmp_path / "latest").symlink_to("new")
    assert found(tmp_path) == {"jump": "latest/jump_test_split1.txt"}


def test_lists_in_the_folder_itself_come_before_those_below(tmp_path):
    touch(tmp_path, "jump_test_split1.txt", "old/jump_test_split1.txt")
    assert found(tmp_path) == {"jump": "jump_test_split1.txt"}


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], r"no lists \*_test_split1\.txt, but no files at all"),
        (["a.txt", "b/c.txt"], r"no lists \*_test_split1\.txt, but a\.txt, b/c\.txt; put"),
        (["a/x_test_split1.txt", "b/x_test_split1.txt"], r"several folders \(a, b\); give one"),
        (["x_test_split1.txt", "x_test_split01.txt"], "found beside"),
        (["x_test_split1.txt", "X_test_split1.txt"], "found beside"),
    ],
)
def test_what_was_found_and_what_was_expected_is_said(tmp_path, names, words):
    touch(tmp_path, *names)
    with pytest.raises(DataError, match=words):
        found(tmp_path)


def test_a_file_or_nothing_in_place_of_the_folder(tmp_path):
    touch(tmp_path, "list.txt")
    with pytest.raises(DataError, match=r"list\.txt: a file; expected the folder"):
        found(tmp_path / "list.txt")
    with pytest.raises(DataError, match="none: no such folder; expected"):
        found(tmp_path / "none")
