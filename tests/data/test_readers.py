"""Readers of the published layouts, on small written trees and on the official lists."""

from collections import Counter

import pytest
from layouts import hmdb51, ucf101

from pipeline.data.manifest import DataError


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def write(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture
def ucf(tmp_path):
    splits = tmp_path / "splits"
    write(splits / "classInd.txt", "1 Archery", "2 HandstandPushups", "3 YoYo")
    write(
        splits / "trainlist01.txt",
        "Archery/v_Archery_g08_c01.avi 1",
        "HandstandPushups/v_HandStandPushups_g08_c01.avi 2",
        "YoYo/v_YoYo_g08_c01.avi 3",
    )
    write(
        splits / "testlist01.txt",
        "Archery/v_Archery_g01_c01.avi",
        "HandstandPushups/v_HandStandPushups_g01_c01.avi",
        "YoYo/v_YoYo_g01_c01.avi",
    )
    videos = tmp_path / "videos"
    touch(
        videos,
        "Archery/v_Archery_g08_c01.avi",
        "Archery/v_Archery_g01_c01.mp4",
        "Archery/v_Archery_g99_c01.avi",
        "HandStandPushups/v_HandstandPushups_g08_c01.AVI",
        "HandStandPushups/v_HandstandPushups_g01_c01.avi",
        "YoYo/v_YoYo_g01_c01.avi",
        "Other/v_Other_g01_c01.avi",
        "Archery/notes.txt",
    )
    return videos, splits


def test_ucf101_matches_without_regard_to_case(ucf):
    listing = ucf101.find_clips(*ucf, 1, None)
    assert listing.classes == ["Archery", "HandstandPushups", "YoYo"]
    found = [(c.entry.id, c.entry.split, c.path.name) for c in listing.candidates]
    assert found == [
        ("Archery/v_Archery_g08_c01", "train", "v_Archery_g08_c01.avi"),
        ("HandstandPushups/v_HandStandPushups_g08_c01", "train", "v_HandstandPushups_g08_c01.AVI"),
        ("Archery/v_Archery_g01_c01", "test", "v_Archery_g01_c01.mp4"),
        ("HandstandPushups/v_HandStandPushups_g01_c01", "test", "v_HandstandPushups_g01_c01.avi"),
        ("YoYo/v_YoYo_g01_c01", "test", "v_YoYo_g01_c01.avi"),
    ]


def test_ucf101_names_what_is_left_out(ucf):
    assert ucf101.find_clips(*ucf, 1, None).left_out == [
        ("YoYo/v_YoYo_g08_c01", "listed, but no such file"),
        ("Archery/v_Archery_g99_c01.avi", "not in the lists of split 1"),
    ]


def test_subset_keeps_the_official_order(ucf):
    listing = ucf101.find_clips(*ucf, 1, ["YoYo", "Archery"])
    assert listing.classes == ["Archery", "YoYo"]
    assert {c.entry.class_name for c in listing.candidates} == {"Archery", "YoYo"}


def test_unknown_class_names_the_known_ones(ucf):
    with pytest.raises(DataError, match=r"unknown Yoyo; .* Archery, HandstandPushups, YoYo"):
        ucf101.find_clips(*ucf, 1, ["Archery", "Yoyo"])
    with pytest.raises(DataError, match="empty or repeats"):
        ucf101.find_clips(*ucf, 1, [])


def test_second_file_of_a_clip(ucf):
    touch(ucf[0], "YoYo/v_YoYo_g01_c01.mkv")
    listing = ucf101.find_clips(*ucf, 1, ["YoYo"])
    assert [c.path.name for c in listing.candidates] == ["v_YoYo_g01_c01.avi"]
    assert ("YoYo/v_YoYo_g01_c01.mkv", "second file of clip YoYo/v_YoYo_g01_c01") in listing.left_out


def test_malformed_ucf101_lists(ucf):
    videos, splits = ucf
    with pytest.raises(DataError, match=r"trainlist02\.txt: no such list"):
        ucf101.find_clips(videos, splits, 2, None)
    write(splits / "testlist01.txt", "Archery/v_Archery_g01_c01.avi 2")
    with pytest.raises(
        DataError, match=r"testlist01\.txt, line 1: found .* 2\", expected label 1, .* Archery"
    ):
        ucf101.find_clips(videos, splits, 1, None)
    write(splits / "testlist01.txt", "", "Nothing/v_Nothing_g01_c01.avi")
    with pytest.raises(DataError, match=r'testlist01\.txt, line 2: found "Nothing/.*", expected "Class/name'):
        ucf101.find_clips(videos, splits, 1, None)
    write(splits / "testlist01.txt", "Archery/v_Archery_g01_c01.avi")
    with pytest.raises(DataError, match="no such folder"):
        ucf101.find_clips(videos / "none", splits, 1, None)


ODD = "#2_(Gum)_[x]!;&_a b_jump_f_cm_np1_fr_med_0"


@pytest.fixture
def hmdb(tmp_path):
    splits = tmp_path / "splits"
    write(splits / "jump_test_split1.txt", f"{ODD}.avi 1 ", "b.avi 2 ", "c.avi 0 ", "d.avi 0")
    write(splits / "clap_test_split1.txt", "e.avi 1 ", "f.avi 2 ")
    write(splits / "jump_test_split2.txt", "b.avi 1 ")
    videos = tmp_path / "videos"
    # The rar of a class may unpack into a folder of the same name in the class folder.
    touch(
        videos,
        f"jump/{ODD}.avi",
        "jump/b.avi",
        "jump/c.avi",
        "jump/extra.avi",
        "clap/clap/e.avi",
        "clap/f.avi",
    )
    return videos, splits


def test_hmdb51_reads_uses_and_odd_names(hmdb):
    listing = hmdb51.find_clips(*hmdb, 1, None)
    assert listing.classes == ["clap", "jump"]
    assert [(c.entry.id, c.entry.split) for c in listing.candidates] == [
        ("clap/e", "train"),
        ("clap/f", "test"),
        (f"jump/{ODD}", "train"),
        ("jump/b", "test"),
    ]
    assert listing.left_out == [
        ("jump/c", "listed as unused in this split"),
        ("jump/extra.avi", "not in the lists of split 1"),
    ]


def test_hmdb51_errors(hmdb, tmp_path):
    videos, splits = hmdb
    with pytest.raises(DataError, match=r"unknown run; .* clap, jump"):
        hmdb51.find_clips(videos, splits, 1, ["run"])
    with pytest.raises(DataError, match="official split lists"):
        hmdb51.find_clips(videos, splits, 3, None)
    write(splits / "jump_test_split1.txt", "b.avi 3")
    with pytest.raises(
        DataError, match=r'jump_test_split1\.txt, line 1: found "b\.avi 3", expected "name\.avi 0'
    ):
        hmdb51.find_clips(videos, splits, 1, None)
    write(splits / "jump_test_split1.txt", "b.avi 2", "clap/e.avi 1")
    with pytest.raises(DataError, match=r'line 2: found "clap/e\.avi 1", expected .* of jump'):
        hmdb51.find_clips(videos, splits, 1, None)


def test_official_lists_have_the_published_counts(real_data):
    for reader, name, counts in (
        (ucf101, "ucf101", {"train": 9537, "test": 3783}),
        (hmdb51, "hmdb51", {"train": 3570, "test": 1530}),
    ):
        lists = reader.read_lists(real_data / "splits" / name, 1, None)
        assert Counter(entry.split for entry in lists.entries if entry.split) == counts
        assert lists.repeated == []


def rewrite(path, change):
    lines = [change(*line.split()) for line in path.read_text().splitlines()]
    write(path, *lines)


@pytest.mark.parametrize("shift", [0, -1])
@pytest.mark.parametrize("form", ["{name} {label}", "{name}\t{label}", "{name},{label}", "{name} 29 {label}"])
def test_labels_may_count_from_0_in_any_form_of_line(ucf, shift, form):
    plain = ucf101.find_clips(*ucf, 1, None)
    rewrite(ucf[1] / "trainlist01.txt", lambda name, label: form.format(name=name, label=int(label) + shift))
    assert ucf101.find_clips(*ucf, 1, None) == plain


def test_labels_may_count_from_0_in_all_lists_and_be_in_the_test_list(ucf):
    plain = ucf101.find_clips(*ucf, 1, None)
    rewrite(ucf[1] / "classInd.txt", lambda number, name: f"{int(number) - 1} {name}")
    rewrite(ucf[1] / "trainlist01.txt", lambda name, label: f"{name} {int(label) - 1}")
    rewrite(ucf[1] / "testlist01.txt", lambda name: f"UCF-101/{name} {'AHY'.index(name[0])}")
    assert ucf101.find_clips(*ucf, 1, None) == plain


@pytest.mark.parametrize("labels", ["0 1 3", "1 3 2", "2 3 4", "1 2 1"])
def test_labels_that_contradict_the_classes_are_refused(ucf, labels):
    wrong = iter(labels.split())
    rewrite(ucf[1] / "trainlist01.txt", lambda name, label: f"{name} {next(wrong)}")
    with pytest.raises(
        DataError, match=r'trainlist01\.txt, line \d: found "\S+ \d", expected label \d, which'
    ):
        ucf101.find_clips(*ucf, 1, None)


def test_lists_may_be_numbered_without_a_zero_and_lie_deeper(ucf, tmp_path):
    plain = ucf101.find_clips(*ucf, 1, None)
    for name in ("trainlist", "testlist"):
        (ucf[1] / f"{name}01.txt").rename(ucf[1] / f"{name}1.txt")
    (tmp_path / "more").mkdir()
    ucf[1].rename(tmp_path / "more" / "ucfTrainTestlist")
    assert [c.path for c in ucf101.find_clips(ucf[0], tmp_path / "more", 1, None).candidates] == [
        c.path for c in plain.candidates
    ]
    with pytest.raises(DataError, match=r"trainlist03\.txt: no such list"):
        ucf101.find_clips(ucf[0], tmp_path / "more", 3, None)
