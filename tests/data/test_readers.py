"""Readers of the published layouts, on small written trees and on the official lists."""

import pytest

from pipeline.data import hmdb51, ucf101
from pipeline.data.folder import find_videos
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
    with pytest.raises(DataError, match=r"label 2, but classInd\.txt numbers Archery 1"):
        ucf101.find_clips(videos, splits, 1, None)
    write(splits / "testlist01.txt", "Nothing/v_Nothing_g01_c01.avi")
    with pytest.raises(DataError, match="names no class"):
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
    with pytest.raises(DataError, match=r'"b\.avi 3" is not'):
        hmdb51.find_clips(videos, splits, 1, None)


def test_official_lists_have_the_published_counts(real_data, tmp_path):
    for reader, name, counts in (
        (ucf101, "ucf101", {"train": 9537, "test": 3783}),
        (hmdb51, "hmdb51", {"train": 3570, "test": 1530}),
    ):
        listing = reader.find_clips(tmp_path, real_data / "splits" / name, 1, None)
        assert len(listing.left_out) == sum(counts.values())  # no files: all used clips are missing


def test_folder_takes_every_video(tmp_path):
    touch(tmp_path, "b.mp4", "a.avi", "sub/a.mkv", "a.mov", "notes.txt", ".hidden.avi")
    videos, others = find_videos(tmp_path)
    names = [(name, path.relative_to(tmp_path).as_posix()) for name, path in videos]
    assert names == [("a.avi", "a.avi"), ("a.mov", "a.mov"), ("b", "b.mp4"), ("sub__a", "sub/a.mkv")]
    assert others == [("notes.txt", 'suffix ".txt" is not a video\'s')]
    with pytest.raises(DataError, match="no such folder"):
        find_videos(tmp_path / "none")
