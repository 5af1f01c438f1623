"""Dependencies of a listing's hash."""

import os

import pytest
from layouts import dataset as dataset_in

from pipeline.content import Contents
from pipeline.data.inventory import clips_inventory, files_inventory, videos_inventory

DATASET = dataset_in("ucf101", classes=["Archery"])


@pytest.fixture
def data(tmp_path):
    """Two classes of two clips each; the files need not be videos to be listed."""
    for name in ("Archery", "Diving"):
        (tmp_path / "videos" / name).mkdir(parents=True)
        for group in (1, 2):
            (tmp_path / "videos" / name / f"v_{name}_g0{group}_c01.avi").write_text(f"{name}{group}")
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits/classInd.txt").write_text("1 Archery\n2 Diving\n")
    for number, split in enumerate(["train", "test"], 1):
        lines = [f"{name}/v_{name}_g0{number}_c01.avi\n" for name in ("Archery", "Diving")]
        (tmp_path / f"splits/{split}list01.txt").write_text("".join(lines))
    return tmp_path


def clips(data) -> str:
    return clips_inventory(DATASET, data / "videos", data / "splits", Contents(data / "memory.json"))


def test_content_of_the_clips_that_are_read_counts(data):
    before = clips(data)
    (data / "videos/Diving/v_Diving_g01_c01.avi").write_text("another")
    assert clips(data) == before
    (data / "videos/Archery/v_Archery_g01_c01.avi").write_text("another")
    assert clips(data) != before


def test_what_a_list_says_counts_and_not_how(data):
    before = clips(data)
    path = data / "splits/trainlist01.txt"
    path.write_text(path.read_text().replace("\n", "\r\n") + "\n")
    assert clips(data) == before
    path.write_text("Archery/v_Archery_g03_c01.avi\n" + path.read_text())
    assert clips(data) != before


def test_a_link_counts_by_what_it_leads_to(data):
    clip = data / "videos/Archery/v_Archery_g01_c01.avi"
    target = clip.rename(data / "elsewhere.avi")
    clip.symlink_to(target)
    before = clips(data)
    target.write_text("another")
    assert clips(data) != before


def test_names_that_are_not_utf8_and_dangling_links(data):
    (data / "videos/Archery" / os.fsdecode(b"Andr\xe9.avi")).write_text("x")
    (data / "videos/gone.avi").symlink_to(data / "nowhere.avi")
    memory = Contents(data / "memory.json")
    assert clips(data)
    assert videos_inventory(data / "videos", memory)
    assert files_inventory(data / "videos", memory)


@pytest.mark.parametrize("inventory", [videos_inventory, files_inventory])
def test_names_and_contents_of_whole_folders_count(data, inventory):
    found = {inventory(data / "videos", Contents(data / "memory.json"))}
    clip = data / "videos/Archery/v_Archery_g01_c01.avi"
    clip.write_text("another")
    found.add(inventory(data / "videos", Contents(data / "memory.json")))
    clip.rename(clip.with_name("renamed.avi"))
    found.add(inventory(data / "videos", Contents(data / "memory.json")))
    assert len(found) == 3
