"""``recosr init``: the configuration that it writes is one that a run takes."""

from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.config.load import load_config
from pipeline.config.text import read_config


def init(*arguments):
    return main(["init", *map(str, arguments)])


@pytest.fixture
def videos(tmp_path, monkeypatch):
    """Folders of classes with names as people have them."""
    monkeypatch.chdir(tmp_path)
    for name in ("Jump in water", "éclair: a", "Wave"):
        (tmp_path / "My videos (1)" / name).mkdir(parents=True)
        for number in range(4):
            (tmp_path / "My videos (1)" / name / f"{number} of #4.mp4").write_bytes(b"video")
    return tmp_path / "My videos (1)"


def clips(path):
    """Identifiers by split of the data set of a configuration."""
    config = load_config(read_config(Path(path)), data_must_exist=False)
    ((name, data),) = config.datasets.items()
    found = data.find_clips(data.root, data.splits)
    by_split = {"train": set(), "test": set()}
    for candidate in found.candidates:
        by_split[candidate.entry.split].add(candidate.entry.id)
    return name, data.layout, by_split


def test_without_lists_every_third_clip_is_tested(videos, capsys):
    assert init(videos) == 0
    name, layout, found = clips("recosr.yaml")
    assert (name, layout) == ("my_videos_1", "hmdb51")
    assert len(found["test"]) == len(found["train"]) == 6
    assert "Jump in water/2 of #4" in found["test"]
    assert "12 videos in 3 folders; lists: recosr-splits" in capsys.readouterr().out
    text = Path("recosr.yaml").read_text()
    assert "preflight --config" in text
    assert "a test clip should be new to super-resolution" in text
    # A second call changes nothing.
    assert init(videos) == 1
    assert "recosr.yaml: exists" in capsys.readouterr().err
    assert Path("recosr.yaml").read_text() == text
    assert init(videos, "--force", "--training-videos", videos.parent) == 0
    assert str(read_config(Path("recosr.yaml"))["training_videos"]["root"]) == str(videos.parent)


def test_lists_in_the_folder_are_used(videos):
    (videos / "lists").mkdir()
    (videos / "notes.txt").write_text("no list")
    (videos / "lists/classInd.txt").write_text("1 Wave\n2 Jump in water\n")
    for use, number in (("train", 0), ("test", 1)):
        lines = [f"{name}/{number} of #4.mp4" for name in ("Wave", "Jump in water")]
        (videos / f"lists/{use}list01.txt").write_text("\n".join(lines))
    assert init(videos, "--out", "deep/c.yaml") == 0
    _, layout, found = clips("deep/c.yaml")
    assert layout == "ucf101"
    assert found == {
        "train": {"Wave/0 of #4", "Jump in water/0 of #4"},
        "test": {"Wave/1 of #4", "Jump in water/1 of #4"},
    }
    assert not list(Path("deep").glob("*splits"))


def test_what_is_no_data_set_is_one_line(videos, capsys):
    (videos.parent / "flat").mkdir()
    (videos.parent / "flat/a.mp4").write_bytes(b"video")
    (videos.parent / "few/Alone").mkdir(parents=True)
    (videos.parent / "few/Alone/a.mp4").write_bytes(b"video")
    for folder, expected in {
        "none": "none: no such folder",
        "flat": "found 1 videos, but no folders of them; a data set has a folder for each class",
        "few": "class Alone has 1 video, but needs one to learn from and one to test",
    }.items():
        assert init(folder) == 1
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert expected in said
        assert not Path("recosr.yaml").exists()
