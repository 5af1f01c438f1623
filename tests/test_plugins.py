"""Names in the configuration become classes: files of a folder, or users' classes."""

import importlib
import sys
from pathlib import Path
from typing import Annotated, ClassVar

import pytest
from pydantic import ValidationError

from pipeline.config.section import Section
from pipeline.plugins import PluginError, find, module_of, named, names


class Shape(Section):
    """A kind of plugin."""

    HOME: ClassVar = "shapes"
    shape: str
    file: Path | None = None


FILES = {
    "shapes/__init__.py": "",
    "shapes/_shared.py": "",
    "shapes/square.py": "from test_plugins_kind import Shape\nclass Square(Shape):\n    side: int = 1\n",
    "shapes/two.py": "from test_plugins_kind import Shape\nclass A(Shape): ...\nclass B(Shape): ...\n",
    "shapes/none.py": "from test_plugins_kind import Shape\n",
    "own.py": "from test_plugins_kind import Shape\nclass Circle(Shape): radius: int\nclass Other: ...\n",
    "broken.py": "import no_such_package\n",
}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """The kind's folder and a user's module, in a temporary folder."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "test_plugins_kind", sys.modules[__name__])
    yield
    for name in [n for n in sys.modules if n.split(".")[0] in ("shapes", "own", "broken")]:
        del sys.modules[name]


class Drawing(Section):
    """A section with plugins."""

    shapes: list[Annotated[Shape, *named(Shape, "shape")]]


def test_a_file_of_the_folder():
    assert find(Shape, "square").__name__ == "Square"
    assert names(Shape) == ["none", "square", "two"]
    assert module_of(Shape, "square") == "shapes.square"


def test_a_class_of_ones_own():
    assert find(Shape, "own:Circle").__name__ == "Circle"
    assert module_of(Shape, "own:Circle") == "own:Circle"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sqare", "no 'sqare' among none, square, two"),
        ("_shared", "no '_shared' among"),
        ("missing:Circle", "no module missing; give package.module:Class or one of none, square, two"),
        ("own:Cirle", "own has no Cirle"),
        ("own:Other", r"own:Other does not extend Shape"),
        ("own:FILES", "own has no FILES"),
        ("two", "shapes.two holds A, B; a file holds one class that extends Shape"),
        ("none", "shapes.none has no Shape"),
    ],
)
def test_names_that_stand_for_nothing(name, message):
    with pytest.raises(PluginError, match=message):
        find(Shape, name)


def test_what_a_file_loads_later_is_not_loaded_by_looking_for_its_class(tmp_path):
    (tmp_path / "heavy_of_mine.py").write_text("raise RuntimeError('loaded')\n")
    (tmp_path / "shapes/late.py").write_text(
        "import lazy_loader\nfrom test_plugins_kind import Shape\n"
        "heavy = lazy_loader.load('heavy_of_mine')\nclass Late(Shape): ...\n"
    )
    importlib.invalidate_caches()
    try:
        assert find(Shape, "late").__name__ == "Late"
    finally:
        sys.modules.pop("heavy_of_mine", None)


def test_a_module_that_lacks_another_is_another_fault():
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        find(Shape, "broken:Circle")


def test_a_section_is_of_the_named_class():
    text = '{"shapes": [{"shape": "square", "side": 3, "file": "a"}, {"shape": "own:Circle", "radius": 2}]}'
    drawing = Drawing.model_validate_json(text)
    assert [type(shape).__name__ for shape in drawing.shapes] == ["Square", "Circle"]
    assert drawing.shapes[0].file == Path("a")
    assert Drawing.model_validate(drawing.model_dump()) == drawing
    assert Drawing.model_validate_json(drawing.model_dump_json()) == drawing


@pytest.mark.parametrize(
    ("section", "place", "message"),
    [
        ('{"shape": "square", "side": "3"}', ("shapes", 0, "side"), "valid integer"),
        ('{"shape": "square", "radius": 3}', ("shapes", 0, "radius"), "not permitted"),
        ('{"shape": "own:Circle"}', ("shapes", 0, "radius"), "required"),
        ('{"shape": "sqare"}', ("shapes", 0), "no 'sqare' among"),
        ("{}", ("shapes", 0, "shape"), "required"),
    ],
)
def test_mistakes_are_reported_at_their_key(section, place, message):
    with pytest.raises(ValidationError, match=message) as caught:
        Drawing.model_validate_json(f'{{"shapes": [{section}]}}')
    assert caught.value.errors()[0]["loc"] == place
