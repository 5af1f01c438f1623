"""The paper's 134 training videos: the list, and the videos found below a folder."""

import csv
from collections import Counter

import numpy as np
import pytest
from layouts import list_videos

from pipeline import config
from pipeline.content import Contents
from pipeline.data.cdvl134 import find_cdvl134, missing, read_cdvl134
from pipeline.data.folder import find_videos
from pipeline.data.inventory import videos_inventory
from pipeline.data.manifest import DataError
from pipeline.video.frames import write_video

VIDEOS = config.TrainingVideos(listed="cdvl134")


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def test_the_list():
    rows = read_cdvl134()
    assert len(rows) == 134
    assert sum(row.frames for row in rows.values()) == 82_705
    sizes = Counter((row.width, row.height) for row in rows.values())
    assert sizes == {
        **{(480, 270): 71, (427, 240): 11, (320, 240): 21},
        **{(360, 243): 5, (352, 288): 24, (352, 240): 2},
    }


def test_names_match_without_endings_folders_and_capitals(tmp_path):
    """Exactly, then with other suffixes, then ignoring case; a longer name is another video."""
    touch(
        tmp_path,
        *("xiph/akiyo_cif.y4m", "NTIA_BBScore_original.AVI", "cdvl/crew_4cif.avi.mp4", "news_cif.avi"),
        *("news_cif.mp4", "foreman_cif_2.avi", "mine.mp4", "notes.txt"),
    )
    found, left_out = find_videos(tmp_path, "cdvl134")
    assert {name: path.name for name, path in found} == {
        "akiyo_cif": "akiyo_cif.y4m",
        "crew_4cif": "crew_4cif.avi.mp4",
        "news_cif": "news_cif.avi",
        "ntia_bbscore_original": "NTIA_BBScore_original.AVI",
    }
    reasons = dict(left_out)
    assert reasons["news_cif.mp4"] == "second file of clip news_cif"
    assert reasons["mine.mp4"] == reasons["foreman_cif_2.avi"] == "not one of CDVL-134's videos"
    assert reasons["foreman_cif"] == "listed, but no such file"
    lacking = missing(find_cdvl134(tmp_path))
    assert len(lacking) == 130
    assert "foreman_cif.avi" in lacking
    assert "akiyo_cif.avi" not in lacking


@pytest.mark.parametrize("names", [["mine.mp4"], []])
def test_a_folder_without_any_of_them_is_refused(tmp_path, names):
    touch(tmp_path, "notes.txt", *names)
    with pytest.raises(
        DataError, match=r"720p50_mobcal_ter\.avi and 133 more; .* training_videos.listed to null"
    ):
        find_videos(tmp_path, "cdvl134")


def test_only_the_lists_videos_are_part_of_the_inventory(tmp_path):
    touch(tmp_path / "videos", "akiyo_cif.y4m", "mine.mp4")

    def inventory(listed):
        return videos_inventory(tmp_path / "videos", Contents(tmp_path / "memory.json"), listed)

    before = inventory("cdvl134"), inventory(None)
    (tmp_path / "videos" / "mine.mp4").write_bytes(b"another")
    assert inventory("cdvl134") == before[0]
    assert inventory(None) != before[1]
    touch(tmp_path / "videos", "foreman_cif.y4m")
    assert inventory("cdvl134") != before[0]


def test_listing_takes_them_alone_and_notes_what_differs(tmp_path, capsys):
    for name, frames, height, width in (
        *(("akiyo_cif.mkv", 300, 36, 44), ("tennis_sif.mkv", 150, 240, 352), ("mine.mkv", 3, 240, 352)),
    ):
        content = np.zeros((frames, height, width, 3), np.uint8)
        write_video(tmp_path / "in" / name, content, 25, vcodec="ffv1", pix_fmt="gbrp")
    files = [tmp_path / name for name in ("m.csv", "left_out.csv", "notes.csv")]
    clips = list_videos(VIDEOS, tmp_path / "in", *files)
    assert [(clip.id, clip.frames, clip.height, clip.width) for clip in clips] == [
        ("akiyo_cif", 300, 36, 44),
        ("tennis_sif", 150, 240, 352),
    ]
    with files[2].open(encoding="utf-8") as file:
        assert list(csv.reader(file))[1:] == [
            ["akiyo_cif", "44x36 pixels after resizing; the list's video has 352x288"]
        ]
    # Standard output goes to the terminal.
    message = "left out: training videos 132 of 134 clips (no such file 132)"
    assert capsys.readouterr().out.startswith(message)
