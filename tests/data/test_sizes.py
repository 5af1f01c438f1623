"""Sizes of training videos: the authors' rule, compared with each size in their lists, and equal area."""

import re

import pytest

from pipeline.data.cdvl134 import read_cdvl134
from pipeline.data.sizes import fit, fit_area, fit_height

FORMATS = {
    r"720p|1280x720": (720, 1280),
    r"vga": (480, 640),
    r"itur525": (486, 720),
    r"_4cif": (576, 704),
    r"_cif": (288, 352),
    r"_sif": (240, 352),
    r"": (1080, 1920),
}
"""Height and width of a listed video as downloaded, by what its name says; the others are 1080p."""


@pytest.mark.parametrize("name", read_cdvl134())
def test_every_listed_video_gets_the_authors_size(name):
    source = next(size for pattern, size in FORMATS.items() if re.search(pattern, name, re.I))
    row = read_cdvl134()[name]
    assert fit_height(*source) == (row.height, row.width)
    # Copies that are resized already stay as they are.
    assert fit_height(row.height, row.width) == (row.height, row.width)


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (2160, 3840, (270, 480)),  # / 8
        (2160, 4096, (270, 512)),
        (1440, 2560, (288, 512)),  # / 5
        (800, 1920, (267, 640)),  # / 3: 266.7
        (576, 720, (288, 360)),  # / 2
        (480, 720, (240, 360)),
        (1920, 1080, (480, 270)),  # upright: by the shorter side
        (272, 640, (272, 640)),  # 288 lines or fewer stay
        (144, 176, (144, 176)),
        (360, 480, (240, 320)),  # / 2 would leave 180
        (360, 640, (240, 427)),
        (432, 768, (240, 427)),
        (289, 514, (240, 427)),  # 426.85
        (577, 1024, (240, 426)),  # 425.93; / 3 would leave 192
        (540, 961, (270, 481)),  # 480.5, up
    ],
)
def test_other_formats(height, width, expected):
    assert fit(height, width, "by_height") == expected


def test_the_shorter_side_has_240_to_288_lines():
    for lines in range(289, 4400):
        assert 240 <= min(fit_height(lines, 2 * lines)) <= 288
        assert min(fit_height(2 * lines, lines)) == min(fit_height(lines, 2 * lines))


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [(480, 640, (240, 320)), (720, 1280, (208, 368)), (1080, 1920, (208, 368)), (121, 163, (121, 163))],
)
def test_equal_area(height, width, expected):
    assert fit(height, width, [320, 240]) == fit_area(height, width, [320, 240]) == expected
