"""``recosr compare``: a page that refers to nothing but its own files."""

import json
import re
from pathlib import Path

import numpy as np

from pipeline.cli import main
from pipeline.video.resize import imresize


def test_the_page_shows_every_version_at_the_videos_times(finished, film, decoded, capsys):
    assert main(["compare", str(film), "page", "--method", "sosr", "--method", "tosr"]) == 0
    html = Path("page/index.html").read_text()
    names = re.findall(r'<option value="([\w.]+)"[^>]*>([^<]+)', html)
    assert dict(names) == {
        "lr.mp4": "Low resolution",
        "bicubic.mp4": "Bicubic",
        "sr1.mp4": "The sosr",
        "sr2.mp4": "The tosr",
    }
    assert {path.name for path in Path("page").iterdir()} == {"index.html", *dict(names)}
    assert not re.search(r"https?:|src=|href=|@import|url\(", html)
    frames, clock = decoded(film)
    seconds = json.loads(re.search(r"seconds = (\[.*?\])", html)[1])
    np.testing.assert_allclose(seconds, np.subtract(clock.seconds, clock.seconds[0]), atol=1e-9)
    expected = {
        "lr.mp4": frames.repeat(4, 1).repeat(4, 2),
        "bicubic.mp4": imresize(frames.astype(float), 96, 128).clip(0, 255),
    }
    for file in dict(names):
        made, kept = decoded(f"page/{file}")
        assert made.shape == (24, 96, 128, 3)
        np.testing.assert_allclose(kept.seconds, seconds, atol=1e-9)
        if file in expected:
            assert np.abs(made - expected[file].astype(float)).mean() < 6
    assert "page/index.html: open it" in capsys.readouterr().out


def test_a_name_cannot_break_the_page(finished, film, ffmpeg):
    name = "a<b>\"&'.mkv"
    ffmpeg("-i", film, "-c", "copy", "-frames:v", 2, name)
    assert main(["compare", name, "page", "--method", "bicubic"]) == 0
    assert "<h1>a&lt;b&gt;&#34;&amp;&#39;.mkv</h1>" in Path("page/index.html").read_text()


def test_what_is_there_stays(finished, film, capsys):
    assert main(["compare", str(film), "results", "--method", "bicubic"]) == 1
    assert capsys.readouterr().err.endswith("results: exists; give the name of a new folder, or remove it\n")
    assert main(["compare", "config.yaml", "page", "--method", "bicubic"]) == 1
    assert "config.yaml: " in capsys.readouterr().err
    assert not Path("page").exists()
