"""Annotation lists as the field writes them, and mistakes in them, which name file and line."""

# Lists and messages are easier to compare on one line.
# ruff: noqa: E501

import re

import pytest
import yaml
from layouts import dataset

from pipeline.data.manifest import DataError

CLIPS = {"train": ["golf/a", "golf/b", "play_ball/c"], "test": ["golf/d", "play_ball/e"]}
NAMES = {"golf": 0, "play_ball": 1}


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.fixture
def data(tmp_path):
    """Five videos in two class folders, and an empty folder of lists."""
    touch(tmp_path / "videos", *(f"{clip}.mp4" for clips in CLIPS.values() for clip in clips))
    (tmp_path / "lists").mkdir()
    return tmp_path


def write(data, **lists):
    """Lists by name, "_" in place of the dot."""
    for name, lines in lists.items():
        path = data / "lists" / ".".join(name.rsplit("_", 1))
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def lines(split, form="{path} {label}"):
    return [form.format(path=f"{clip}.mp4", name=clip.split("/")[0], label=NAMES[clip.split("/")[0]], bare=clip)
            for clip in CLIPS[split]]  # fmt: skip


def find(data, **keys):
    return dataset("annotations", **keys).find_clips(data / "videos", data / "lists")


def found(data, **keys):
    listing = find(data, **keys)
    clips = {}
    for candidate in listing.candidates:
        entry = candidate.entry
        path = candidate.path.relative_to(data / "videos").as_posix()
        clips.setdefault(entry.split, []).append((entry.class_name, path))
    return listing.classes, clips


def expected(names=("golf", "play_ball")):
    classes = dict(zip(NAMES, names, strict=True))
    clips = {
        split: [(classes[clip.split("/")[0]], f"{clip}.mp4") for clip in clips]
        for split, clips in CLIPS.items()
    }
    return list(names), clips


NUMBERED = [
    "{path} {label}",  # mmaction2, PySlowFast
    "{path}\t{label}",
    "{path},{label}",
    "{path}, {label} ",
    "{path} 120 {label}",
    "{bare} {label}",
    "{bare} 120 {label}",  # mmaction2's lists of frames
    "{bare} 0 120 {label}",
    "./{path} {label}",
    "/somewhere/else/{path} {label}",
    r"videos\{path} {label}",
    '"{path}" {label}',
]


@pytest.mark.parametrize("form", NUMBERED)
def test_lines_with_numbers(data, form):
    write(data, train_txt=lines("train", form), val_txt=lines("test", form))
    assert found(data) == expected(("0", "1"))
    write(data, classes_txt=["golf", "play_ball"])
    assert found(data) == expected()


@pytest.mark.parametrize("form", ["{path} {name}", "{path},{name}", "{bare} {name}", '{path},"{name}"'])
def test_lines_with_names(data, form):
    write(data, train_txt=lines("train", form), val_txt=lines("test", form))
    assert found(data) == expected()
    write(data, classes_txt=["1 play_ball", "2 golf"])  # the file's order is that of the labels
    assert found(data)[0] == ["play_ball", "golf"]


@pytest.mark.parametrize(
    ("header", "form", "columns"),
    [
        ("path,label", "{path},{name}", {}),
        ("Path;Label;frames", "{path};{name};12", {}),
        ("frames\tlabel\tpath", "3\t{name}\t{path}", {}),
        ("path label", "{path} {name}", {}),
        ("label,video", "{name},{path}", {"path": "video"}),
        ("class,clip", "{name},{path}", {"path": "clip", "label": "Class"}),
        ("path,label", '"{path}","{name}"', {}),
    ],
)
def test_tables_with_a_header(data, header, form, columns):
    write(data, train_csv=[header, *lines("train", form)], test_csv=[header, *lines("test", form)])
    assert found(data, columns=columns) == expected()


@pytest.mark.parametrize("test", ["test", "val", "validation", "TEST"])
@pytest.mark.parametrize("shown", ["all.csv", None])
def test_one_table_with_a_column_of_splits(data, test, shown):
    rows = [f"{line},{split}" for split, word in (("test", test), ("train", "train")) for line in
            (f"{row},{word}" for row in lines(split, "{path},{name}"))]  # fmt: skip
    write(data, all_csv=["path,label,split,more", *rows])
    assert found(data, lists=shown) == expected()


def test_validation_clips_are_unused_where_there_are_test_clips(data):
    rows = [f"{row},{split}" for split in CLIPS for row in lines(split, "{path},{name}")]
    touch(data / "videos", "golf/v.mp4")
    write(data, all_csv=["path,label,split", *rows, "golf/v.mp4,golf,val"])
    assert found(data) == expected()
    assert find(data).left_out == [("golf/v", "listed as unused in this split")]
    (data / "lists/all.csv").unlink()
    write(data, train_txt=lines("train"), test_txt=lines("test"), val_txt=["golf/v.mp4 0"])
    assert found(data) == expected(("0", "1"))


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("ucf101_train_split_2_videos_txt", "ucf101_val_split_2_videos_txt"),
        ("trainlist02_txt", "testlist02_txt"),
        ("train2_csv", "test2_csv"),
        ("my-training-2_lst", "my-testing-2_lst"),
    ],
)
def test_lists_of_a_split_by_their_names(data, train, test):
    first = {name.replace("2", "1"): ["golf/x.mp4 0"] for name in (train, test)}
    write(data, **{train: lines("train"), test: lines("test")}, **first)
    assert found(data, split=2) == expected(("0", "1"))
    with pytest.raises(DataError, match="no list for training and one for test of split 3"):
        find(data, split=3)


def test_lists_by_keys(data):
    write(
        data,
        a_csv=lines("train"),
        b_csv=lines("test"),
        c_csv=["golf/a.mp4 1"],
        names_txt=["golf", "play_ball"],
    )
    assert found(data, lists={"train": "a.csv", "test": "B.csv"}, class_file="names.txt") == expected()


def test_encodings_accents_and_endings(data):
    touch(data / "videos", "deep/er/Café.AVI", "deep/er/tea.mkv")
    text = "\ufeffcafé.mp4 x\r\nTEA x\r\n"
    (data / "lists/train.txt").write_bytes(
        text.split("\r\n")[0].encode("utf-16-le") + "\r\n".encode("utf-16-le")
    )
    (data / "lists/test.txt").write_text(text.split("\r\n")[1], encoding="utf-8-sig")
    _, clips = found(data)
    assert clips == {"train": [("x", "deep/er/Café.AVI")], "test": [("x", "deep/er/tea.mkv")]}


def test_equal_names_in_several_folders_are_several_clips(data):
    names = [f"{camera}/{name}" for camera in ("cam1", "cam2", "cam3/golf") for name in ("001", "002")]
    touch(data / "videos", *(f"all/{name}.mp4" for name in names), "all/cam4/001.mp4")
    write(
        data,
        train_txt=[f"{name}.mp4 golf" for name in names[::2]],
        test_txt=[f"{n} golf" for n in names[1::2]],
    )
    listing = find(data)
    assert [c.entry.id for c in listing.candidates] == [
        f"golf/{folder}/{name}" for name in ("001", "002") for folder in ("cam1", "cam2", "cam3")
    ]
    assert [c.path.relative_to(data / "videos/all").as_posix() for c in listing.candidates] == [
        f"{name}.mp4" for name in names[::2] + names[1::2]
    ]
    assert ("all/cam4/001.mp4", "not in the lists of split 1") in listing.left_out


def test_a_name_that_fits_two_files_is_left_out_and_both_are_named(data):
    touch(data / "videos", "x/one.mp4", "y/one.mp4")
    write(data, train_txt=[*lines("train"), "one.mp4 0"], test_txt=lines("test"))
    (left,) = [why for clip, why in find(data).left_out if clip.startswith("0/one")]
    assert left == "no file of this very name, but x/one and y/one"


def test_a_listed_clip_without_file_is_left_out_with_its_line(data):
    write(data, train_txt=["golf/missing.mp4 0", *lines("train")], test_txt=lines("test"))
    assert find(data).left_out == [("0/golf/missing (train.txt, line 1)", "listed, but no such file")]


def test_a_subset_leaves_other_classes_alone(data):
    write(data, train_txt=lines("train", "{path} {name}"), test_txt=lines("test", "{path} {name}"))
    listing = find(data, classes=["golf"])
    assert listing.classes == ["golf"]
    assert [c.entry.id for c in listing.candidates] == ["golf/a", "golf/b", "golf/d"]
    assert listing.left_out == []


GOOD = {"train_txt": ["golf/a.mp4 0", "play_ball/c.mp4 1"], "test_txt": ["golf/d.mp4 0", "play_ball/e.mp4 1"]}
TABLE = ["path,label,split", "golf/a.mp4,golf,train", "golf/d.mp4,golf,test"]


@pytest.mark.parametrize(
    ("lists", "keys", "words"),
    [
        ({"test_txt": [*GOOD["test_txt"], "golf/b.mp4 2"]}, {}, r'test\.txt, line 3: found "golf/b.mp4 2", expected a class that the train list has'),
        ({"train_txt": [*GOOD["train_txt"], "golf/b.mp4 2"]}, {}, r'train\.txt, line 3: found "golf/b.mp4 2", expected a class that the test list has'),
        ({"classes_txt": ["golf"]}, {}, r'train\.txt, line 2: found "play_ball/c.mp4 1", expected a label of classes.txt, which numbers its classes from 0 to 0'),
        ({"classes_txt": ["golf", "golf"]}, {}, r"classes\.txt, line 2: found class golf again, first in line 1"),
        ({"classes_txt": ["1 golf", "1 jump"]}, {}, r"classes\.txt, line 2: found number 1 again"),
        ({"classes_txt": []}, {}, r"classes\.txt: names no classes; expected one on each line"),
        ({"train_txt": ["golf/a.mp4 0", "play_ball/c.mp4 ball"]}, {}, r'train\.txt, line 2: found "play_ball/c.mp4 ball", expected labels that are all numbers or all names, but train.txt, line 1 has the other kind'),
        ({"train_txt": ["golf/a.mp4 golf", "play_ball/c.mp4 ball"], "classes_txt": ["golf", "play_ball"]}, {}, r'train\.txt, line 2: found "play_ball/c.mp4 ball", expected a class of classes.txt'),
        ({"train_txt": [*GOOD["train_txt"], "golf/d.mp4 0"]}, {}, r"lists: 1 clip listed for two splits: 0/golf/d \(train: train.txt, line 3\) and 0/golf/d \(test: test.txt, line 1\)"),
        ({"train_txt": [*GOOD["train_txt"], "golf/a.mp4 1"]}, {}, r"lists: 1 clip listed for two classes: 0/golf/a \(train: train.txt, line 1\) and 1/golf/a \(train: train.txt, line 3\)"),
        ({"train_txt": []}, {}, r"train\.txt: lists no clips; expected lines of"),
        ({"train_txt": ["path,label"]}, {}, r"train\.txt: lists no clips, it holds a header alone"),
        ({"train_txt": ["golf/a.mp4"]}, {}, r'train\.txt, line 1: found "golf/a.mp4", expected "path label"'),
        ({"train_txt": ["path,class", "golf/a.mp4,0"]}, {}, r"train\.txt, line 1: found the columns path, class, but no label; expected it, or its other name in columns: \{label: NAME\}"),
        ({"train_txt": ["video,label", "golf/a.mp4,0"]}, {}, r"no path; expected it, or its other name in columns: \{path: NAME\}"),
        ({"train_txt": ["path,label", "golf/a.mp4"]}, {}, r'train\.txt, line 2: found "golf/a.mp4", expected 2 columns as in line 1'),
        ({"train_txt": ["path,label", "golf/a.mp4,"]}, {}, r"train\.txt, line 2: .*, expected 2 columns as in line 1, a path and a label among them"),
        ({"train_txt": None}, {}, r"lists: no list for training and one for test of split 1, but test.txt; expected train.txt and"),
        ({"train_txt": None, "test_txt": None}, {}, r"lists: no lists train.txt, test.txt, but no files at all"),
        ({"train_csv": ["golf/a.mp4 0"]}, {}, r"lists: train.csv and train.txt may both be meant; name the lists"),
        ({}, {"lists": {"train": "a.txt", "test": "test.txt"}}, r"lists.train: no file a.txt in the lists' folder, only test.txt, train.txt"),
        ({}, {"lists": {"train": "train.txt"}}, r"lists names no test list; expected one for test"),
        ({}, {"lists": "train.txt"}, r"train\.txt: has no column split, and no other list is there"),
        ({}, {"class_file": "names.txt"}, r"class_file: no file names.txt in the lists' folder"),
        ({"all_csv": [*TABLE, "golf/b.mp4,golf,holdout"]}, {"lists": "all.csv"}, r'all\.csv, line 4: found "golf/b.mp4,golf,holdout", expected train, val or test as its split'),
        ({"all_csv": [*TABLE, "golf/d.mp4,golf,train"]}, {"lists": "all.csv"}, r"listed for two splits: golf/d \(train: all.csv, line 4\) and golf/d \(test: all.csv, line 3\)"),
        ({"all_csv": TABLE[:2]}, {"lists": "all.csv"}, r"all\.csv, line 2: .* expected a class that the test list has"),
        ({}, {"classes": ["0", "x"]}, r"classes: unknown x; the classes of this data set are 0, 1"),
    ],
)  # fmt: skip
def test_mistakes_name_file_and_line(data, lists, keys, words):
    write(data, **{name: content for name, content in (GOOD | lists).items() if content is not None})
    with pytest.raises(DataError, match=words) as error:
        find(data, **keys)
    assert "\n" not in str(error.value)


def test_no_listed_clip_at_all(data):
    write(data, **GOOD)
    (data / "root").mkdir()
    with pytest.raises(
        DataError, match=r"root: no listed clip is there; .*expected golf/a\.mp4 and 3 more; give"
    ):
        dataset("annotations").find_clips(data / "root", data / "lists")


@pytest.mark.parametrize(
    ("train", "test", "left"), [(1, None, ["golf/b"]), (None, 1, []), (2, 1, []), (1, 1, ["golf/b"])]
)
def test_limit_keeps_the_first_clips_of_each_class(data, train, test, left):
    write(data, train_txt=lines("train", "{path} {name}"), test_txt=lines("test", "{path} {name}"))
    listing = find(data, limit={"train": train, "test": test})
    assert [
        clip for clip, why in listing.left_out if "not among the first 1 clips of its class" in why
    ] == left
    assert len(listing.candidates) == 5 - len(left)


def test_real_lists_of_hmdb51_in_mmaction2s_form_give_the_clips_of_its_own_layout(real_data, tmp_path):
    splits = {"root": real_data / "hmdb51", "splits": real_data / "splits/hmdb51"}
    classes = ["golf", "jump", "wave"]
    own = dataset("hmdb51", classes=classes).find_clips(*splits.values())
    for split in ("train", "val"):
        rows = [
            f"{c.entry.class_name}/{c.entry.name} {classes.index(c.entry.class_name)}"
            for c in own.candidates
            if c.entry.split == {"val": "test"}.get(split, split)
        ]
        (tmp_path / f"hmdb51_{split}_split_1_videos.txt").write_text("\n".join(rows))
    (tmp_path / "label_map.txt").write_text("\n".join(classes))
    section = dataset("annotations", class_file="label_map.txt")
    listing = section.find_clips(splits["root"], tmp_path)
    assert listing.classes == own.classes
    key = lambda found: sorted((c.entry.id, c.entry.split, c.path) for c in found.candidates)  # noqa: E731
    assert key(listing) == key(own)


def test_the_snippets_in_docs_data_are_read(root, data):
    snippets = re.findall(r"```yaml\n(.*?)```", (root / "docs/data.md").read_text(), re.S)
    entries = {n: entry for text in snippets for n, entry in yaml.safe_load(text)["datasets"].items()}
    write(data, **GOOD)
    assert found(data, **without_paths(entries["clips"]))
    (data / "lists/train.txt").unlink()
    listing = find(data, **without_paths(entries["cctv"]))
    assert [candidate.entry.split for candidate in listing.candidates] == ["test", "test"]


def without_paths(entry):
    return {key: value for key, value in entry.items() if key not in ("layout", "root", "splits")}
