"""Listed clips and files: all supported differences of names and folders from the lists."""

import os
import unicodedata

import pytest
from layouts import hmdb51, ucf101

from pipeline.data.manifest import DataError

CLASSES = ["Archery", "HandstandPushups"]
TRAIN = ["Archery/v_Archery_g08_c01", "HandstandPushups/v_HandStandPushups_g08_c01"]
TEST = ["Archery/v_Archery_g01_c01", "HandstandPushups/v_HandStandPushups_g01_c01"]
NFC = "Archery/v_José_g09_c01"
NFD = unicodedata.normalize("NFD", NFC)


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def write_ucf(splits, train, test):
    splits.mkdir(parents=True, exist_ok=True)
    numbered = [f"{number} {name}\n" for number, name in enumerate(CLASSES, start=1)]
    (splits / "classInd.txt").write_text("".join(numbered))
    labels = {name: number for number, name in enumerate(CLASSES, start=1)}
    lines = "".join(f"{clip} {labels[clip.split('/')[0]]}\n" for clip in train)
    (splits / "trainlist01.txt").write_bytes(os.fsencode(lines))
    (splits / "testlist01.txt").write_bytes(os.fsencode("".join(f"{clip}\n" for clip in test)))


def write_hmdb(splits, train, test):
    splits.mkdir(parents=True, exist_ok=True)
    for name in CLASSES:
        uses = [(clip, 1) for clip in train] + [(clip, 2) for clip in test]
        lines = [f"{clip.split('/')[1]} {use}\n" for clip, use in uses if clip.startswith(f"{name}/")]
        (splits / f"{name}_test_split1.txt").write_bytes(os.fsencode("".join(lines)))


LAYOUTS = {"ucf101": (ucf101, write_ucf), "hmdb51": (hmdb51, write_hmdb)}


@pytest.fixture(params=LAYOUTS)
def find(request, tmp_path):
    """A function from the names in both lists and the files below the root to the listing."""
    reader, write = LAYOUTS[request.param]

    def find(train, test, files, classes=None, folder="videos"):
        write(tmp_path / "splits", train, test)
        touch(tmp_path / folder, *files)
        return reader.find_clips(tmp_path / folder, tmp_path / "splits", 1, classes)

    find.root = tmp_path
    return find


def found(listing, root):
    """Path of each clip below the root, by the clip."""
    return {c.entry.id: c.path.relative_to(root).as_posix() for c in listing.candidates}


def avi(*clips):
    return [f"{clip}.avi" for clip in clips]


@pytest.mark.parametrize("listed", [".avi", ".mp4", ".mkv", ".webm", ".AVI", ".Mp4", ".avi.avi", ""])
@pytest.mark.parametrize("on_disk", [".avi", ".mp4", ".mkv", ".webm", ".AVI", ".avi.mp4"])
def test_endings_of_lists_and_files_have_nothing_to_do_with_each_other(find, listed, on_disk):
    clips = [*TRAIN, *TEST, "Archery/v_Archery.avi_g10_c01"]
    listing = find(
        [f"{clip}{listed}" for clip in (*TRAIN, clips[-1])],
        [f"{clip}{listed}" for clip in TEST],
        [f"{clip}{on_disk}" for clip in clips],
    )
    assert sorted(c.path.name for c in listing.candidates) == sorted(
        f"{clip.split('/')[1]}{on_disk}" for clip in clips
    )
    assert listing.left_out == []


def test_of_files_with_several_endings_the_listed_one_is_taken(find):
    listing = find(avi(*TRAIN), [f"{TEST[0]}.mkv", f"{TEST[1]}.avi"], [*avi(*TRAIN, *TEST), f"{TEST[0]}.mkv"])
    assert found(listing, find.root / "videos")[TEST[0]] == f"{TEST[0]}.mkv"
    assert listing.left_out == [(f"{TEST[0]}.avi", f"second file of clip {TEST[0]}")]


@pytest.mark.parametrize(("listed", "on_disk"), [(NFC, NFD), (NFD, NFC)])
def test_composed_and_decomposed_accents_match(find, listed, on_disk):
    listing = find(avi(*TRAIN, listed), avi(*TEST), avi(*TRAIN, *TEST, on_disk))
    assert found(listing, find.root / "videos")[listed] == f"{on_disk}.avi"
    assert listing.left_out == []


def test_names_that_differ_in_capitals_get_their_own_files(find):
    upper, lower = "Archery/v_Shot_g20_c01", "Archery/v_shot_g20_c01"
    listing = find(avi(*TRAIN, upper), avi(*TEST, lower), avi(*TRAIN, *TEST, upper, lower))
    files = found(listing, find.root / "videos")
    assert (files[upper], files[lower]) == (f"{upper}.avi", f"{lower}.avi")
    assert listing.left_out == []


def test_capitals_differ_where_one_file_fits(find):
    moved = [clip.replace("HandstandPushups/v_HandStand", "HandStandPushups/v_Handstand") for clip in TRAIN]
    listing = find(avi(*TRAIN), avi(*TEST), avi(*moved, *TEST))
    assert found(listing, find.root / "videos")[TRAIN[1]] == f"{moved[1]}.avi"


def test_capitals_do_not_choose_between_two_files(find):
    files = ["Archery/V_SHOT_g20_c01", "Archery/v_shot_g20_c01"]
    listing = find(avi(*TRAIN, "Archery/v_Shot_g20_c01"), avi(*TEST), avi(*TRAIN, *TEST, *files))
    assert "Archery/v_Shot_g20_c01" not in found(listing, find.root / "videos")
    reasons = dict(listing.left_out)
    assert (
        reasons["Archery/v_Shot_g20_c01"]
        == "no file of this very name, but V_SHOT_g20_c01 and v_shot_g20_c01"
    )
    assert {f"{name}.avi" for name in files} < set(reasons)


@pytest.mark.parametrize(
    "again",
    [
        f"{TEST[0]}.avi",
        f"{TEST[0]}.mp4",
        TEST[0],
        f"{TEST[0].replace('v_A', 'v_a')}.avi",
        f"{TEST[0]}.avi.avi",
    ],
)
def test_a_clip_in_both_lists_is_refused_by_name(find, again):
    with pytest.raises(
        DataError, match=r"v_Archery_g01_c01.*train: .*test: |v_.rchery_g01_c01.*test: .*train: "
    ):
        find([*avi(*TRAIN), again], avi(*TEST), avi(*TRAIN, *TEST))


def test_an_accent_written_twice_does_not_hide_a_clip_in_both_lists(find):
    with pytest.raises(DataError, match=r"1 clip listed for two splits: .*train: .*test: "):
        find(avi(*TRAIN, NFC), avi(*TEST, NFD), avi(*TRAIN, *TEST, NFC, NFD))


def test_all_clips_in_both_lists_are_counted_and_some_named(find):
    many = [f"Archery/v_Archery_g09_c{number:02d}" for number in range(9)]
    with pytest.raises(DataError, match=r"9 clips listed for two splits: .*c00.*c04.*; and 4 more") as caught:
        find(avi(*TRAIN, *many), avi(*TEST, *many), avi(*TRAIN, *TEST, *many))
    assert "c05" not in str(caught.value)


def test_both_lists_are_compared_for_the_classes_that_are_read(find):
    listing = find(avi(*TRAIN, TEST[0]), avi(*TEST), avi(*TRAIN, *TEST), classes=["HandstandPushups"])
    assert set(found(listing, find.root / "videos")) == {TRAIN[1], TEST[1]}


def test_a_line_twice_is_taken_once_and_said(find):
    listing = find(avi(*TRAIN, TRAIN[0]), avi(*TEST), avi(*TRAIN, *TEST))
    assert [c.entry.id for c in listing.candidates].count(TRAIN[0]) == 1
    assert len(listing.candidates) == 4
    ((line, reason),) = listing.left_out
    assert line.startswith(f"{TRAIN[0]} (")
    assert "list01.txt, line 3" in line or "split1.txt, line 2" in line
    assert reason == "named by an earlier line; taken once"


def test_hmdb51_refuses_a_clip_that_is_used_and_unused(tmp_path):
    write_hmdb(tmp_path / "splits", TRAIN, TEST)
    with (tmp_path / "splits" / "Archery_test_split1.txt").open("a") as file:
        file.write("v_Archery_g08_c01.avi 0\n")
    touch(tmp_path / "videos", *avi(*TRAIN, *TEST))
    with pytest.raises(DataError, match=r"g08_c01 \(train: .*line 1\) and .*\(unused: .*line 3\)"):
        hmdb51.find_clips(tmp_path / "videos", tmp_path / "splits", 1, None)


def test_two_entries_never_get_one_file(find):
    twins = ["Archery/v_Shot_g20_c01", "Archery/V_shot_g20_c01"]
    listing = find(avi(*TRAIN, *twins), avi(*TEST), avi(*TRAIN, *TEST, "Archery/v_shot_g20_c01"))
    paths = [c.path for c in listing.candidates]
    assert len(paths) == len(set(paths)) == 5
    assert listing.left_out == [(twins[1], f"no file beside that of {twins[0]}")]


@pytest.mark.parametrize(("split", "refused"), [("train", False), ("test", True)])
def test_a_link_to_another_clip_is_no_clip_of_its_own(find, split, refused):
    linked = "Archery/v_Archery_g20_c01"
    touch(find.root / "videos", *avi(*TRAIN, *TEST))
    (find.root / "videos" / f"{linked}.avi").symlink_to(f"{TRAIN[0].split('/')[1]}.avi")
    lists = (avi(*TRAIN, linked), avi(*TEST)) if split == "train" else (avi(*TRAIN), avi(*TEST, linked))
    if refused:
        with pytest.raises(DataError, match="1 clip linked to one file for two splits"):
            find(*lists, [])
        return
    listing = find(*lists, [])
    assert len(listing.candidates) == 4
    assert listing.left_out == [(linked, f"the file of {TRAIN[0]}, by a link")]


def test_names_that_are_not_utf8_are_left_out_by_name(find):
    latin = os.fsdecode("Archery/v_André_g24_c01.avi".encode("latin-1"))
    other = os.fsdecode("Archery/v_Zo\u00eb_g24_c01.avi".encode("latin-1"))
    listing = find([*avi(*TRAIN), latin], avi(*TEST), [*avi(*TRAIN, *TEST), latin, other])
    assert len(listing.candidates) == 4
    reason = "its path is not UTF-8; rename it"
    assert listing.left_out == [
        (r"Archery/v_Andr\xe9_g24_c01", reason),
        (r"Archery/v_Zo\xeb_g24_c01.avi", reason),
    ]


PLACES = {
    "class folders": "{class}/{name}",
    "a folder more": "UCF-101/{class}/{name}",
    "two folders more": "data/UCF-101/{class}/{name}",
    "class in class": "{class}/{class}/{name}",
    "one folder a split": "{split}/{class}/{name}",
    "flat": "{name}",
    "flat in a folder": "clips/{name}",
    "parts": "part{number}/{name}",
}
JUNK = [
    "README.txt",
    "__MACOSX/Archery/._v_Archery_g08_c01.avi",
    "._Archery",
    ".DS_Store",
    "Archery/Thumbs.db",
]


@pytest.mark.parametrize("place", PLACES)
def test_clips_are_found_wherever_the_class_folders_are(find, place):
    files = {}
    for number, clip in enumerate([*TRAIN, *TEST]):
        parts = dict(zip(("class", "name"), clip.split("/"), strict=True))
        split = "train" if clip in TRAIN else "test"
        files[clip] = PLACES[place].format(**parts, split=split, number=number) + ".avi"
    # The junk below a class folder would make class folders of what is flat.
    junk = [name for name in JUNK if "{class}" in PLACES[place] or not name.startswith("Archery")]
    listing = find(avi(*TRAIN), avi(*TEST), [*files.values(), *junk, "._a.avi"])
    assert found(listing, find.root / "videos") == files
    assert listing.left_out == []
    assert listing.files == 4


def test_a_link_to_the_folder_of_class_folders_is_no_second_one(find):
    (find.root / "videos").mkdir()
    (find.root / "videos" / "latest").symlink_to("UCF-101")
    listing = find(avi(*TRAIN), avi(*TEST), avi(*(f"UCF-101/{clip}" for clip in (*TRAIN, *TEST))))
    assert len(listing.candidates) == 4
    assert listing.left_out == []


def test_linked_class_folders_and_dangling_clips(find):
    touch(find.root, *(f"store/{clip}.avi" for clip in (TRAIN[0], TEST[0])))
    touch(find.root / "videos", *avi(TRAIN[1], TEST[1]))
    (find.root / "videos" / "Archery").symlink_to("../store/Archery")
    (find.root / "store" / "Archery" / "loop").symlink_to("..")
    (find.root / "store" / "Archery" / "v_gone.avi").symlink_to("/nowhere/gone.avi")
    (find.root / "store" / "Archery" / "v_stray.avi").symlink_to("/nowhere/gone.avi")
    listing = find(avi(*TRAIN, "Archery/v_gone"), avi(*TEST), [])
    assert set(found(listing, find.root / "videos")) == {*TRAIN, *TEST}
    reason = "a link that leads nowhere: No such file or directory"
    assert [row for row in listing.left_out if row[1] == reason] == [
        ("Archery/v_gone", reason),
        ("Archery/v_stray.avi", reason),
    ]


def test_a_dangling_class_folder_is_named(find):
    touch(find.root / "videos", *avi(TRAIN[1], TEST[1]))
    (find.root / "videos" / "Archery").symlink_to("/nowhere/Archery")
    listing = find(avi(*TRAIN), avi(*TEST), [])
    assert dict(listing.left_out)["Archery"] == "a link that leads nowhere: No such file or directory"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (
            [],
            r"found no video file of these classes \(the folder is empty\), expected Archery/v_Archery_g0\d",
        ),
        (
            ["UCF101.rar", "a.txt"],
            r"no video file of these classes \(UCF101\.rar, a\.txt\), expected Archery/",
        ),
        (
            ["x/1.avi", "x/2.avi"],
            r"found 2 video files \(x/1\.avi, x/2\.avi\), expected Archery/.* give the folder",
        ),
        (
            [f"{part}/{clip}.avi" for part in "ab" for clip in TRAIN],
            r"in a and in b; expected the class folders once",
        ),
    ],
)
def test_what_was_found_and_what_was_expected_is_said(find, files, words):
    (find.root / "videos").mkdir()
    with pytest.raises(DataError, match=words):
        find(avi(*TRAIN), avi(*TEST), files)


def test_a_class_folder_in_place_of_the_root_is_said(find):
    files = [f"Archery/{clip.split('/')[1]}.avi" for clip in (TRAIN[0], TEST[0])]
    touch(find.root / "videos", *files)
    with pytest.raises(DataError, match=r"videos/Archery: found clips of Archery alone; .* give .*/videos"):
        find(avi(*TRAIN), avi(*TEST), [], folder="videos/Archery")
    listing = find(avi(*TRAIN), avi(*TEST), [], classes=["Archery"], folder="videos/Archery")
    assert len(listing.candidates) == 2


def test_a_flat_folder_does_not_guess_between_two_classes(find):
    with pytest.raises(
        DataError, match=r"1 clip with one file for two splits or classes: Archery/a .*Pushups/a"
    ):
        find([*avi(*TRAIN), "Archery/a.avi", "HandstandPushups/a.avi"], avi(*TEST), ["a.avi", "b.avi"])


@pytest.mark.parametrize("forms", [("NFC", "NFD", "NFC"), ("NFD", "NFC", "NFC"), ("NFC", "NFC", "NFD")])
def test_accents_of_a_class_match_in_lists_folders_and_configuration(tmp_path, forms):
    listed, folder, chosen = (unicodedata.normalize(form, "évasion") for form in forms)
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / f"{listed}_test_split1.txt").write_text("a.avi 1\nb.avi 2\n")
    touch(tmp_path / "videos", f"{folder}/a.avi", f"{folder}/b.avi")
    listing = hmdb51.find_clips(tmp_path / "videos", tmp_path / "splits", 1, [chosen])
    assert listing.classes == [listed]
    assert [c.entry.id for c in listing.candidates] == [f"{listed}/a", f"{listed}/b"]
