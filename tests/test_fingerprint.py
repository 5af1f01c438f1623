"""Fingerprints of a small package written for the purpose."""

import sys
from pathlib import Path

import pytest

from pipeline import fingerprint as module


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package whose stage imports a helper, which imports a sibling; `other` is not reached."""
    folder = tmp_path / "toy"
    files = {
        "__init__.py": "",
        "stage.py": "from toy import helper\n\ndef run():\n    return helper.value()\n",
        "helper.py": "from .deep.sibling import VALUE\n\ndef value():\n    return VALUE\n",
        "deep/__init__.py": "",
        "deep/sibling.py": "VALUE = 1\n",
        "other.py": "VALUE = 2\n",
        "native.py": "'''Calls the compiled code.'''\n",
        "native.cpp": '// comment\n#include "part.h"\nint f() { return VALUE; }\n',
        "part.h": "#define VALUE 1\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(module, "PACKAGE", "pipeline")

    def take(name: str = "toy.stage") -> str:
        for function in (module._source, module._tree, module._digest, module._imports):
            function.cache_clear()
        for loaded in [m for m in sys.modules if m.split(".")[0] == "toy"]:
            del sys.modules[loaded]
        return module.fingerprint(name)

    take.folder = folder
    return take


def replace(path: Path, old: str, new: str) -> None:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_a_change_at_any_depth_counts(package):
    before = package()
    replace(package.folder / "deep/sibling.py", "1", "3")
    assert package() != before


def test_a_change_elsewhere_does_not(package):
    before = package()
    replace(package.folder / "other.py", "2", "3")
    assert package() == before


def test_comments_formatting_and_docstrings_do_not_count(package):
    before = package()
    replace(
        package.folder / "helper.py",
        "def value():\n",
        "# why\n\n\ndef value( ):\n    '''What it is.'''\n\n",
    )
    assert package() == before


def test_compiled_source_counts_but_not_its_comments(package):
    before = package("toy.native")
    replace(package.folder / "native.cpp", "// comment", "/* another\n */")
    assert package("toy.native") == before
    replace(package.folder / "native.cpp", "return VALUE", "return 2")
    changed = package("toy.native")
    assert changed != before
    replace(package.folder / "part.h", "1", "3")
    assert package("toy.native") not in (before, changed)


def test_network_outside_of_the_package_is_followed(package):
    before = package("toy.stage:Network")
    replace(package.folder / "helper.py", "return VALUE", "return -VALUE")
    assert package("toy.stage:Network") != before


def test_missing_module_is_an_error(package):
    with pytest.raises(ModuleNotFoundError, match=r"toy\.nothing"):
        package("toy.nothing")


def test_stages_do_not_reach_each_other():
    """The floors of the house: a stage's code leads to no other stage's but data and flow."""
    allowed = {
        "pipeline.data.prepare": {"data", "video"},
        "pipeline.flow.extract": {"flow", "data", "video"},
        "pipeline.patches.crop": {"patches", "flow", "data", "video"},
        "pipeline.superres.training": {"superres", "flow", "data", "video", "weights"},
        "pipeline.superres.inference": {"superres", "flow", "data", "video", "weights"},
        "pipeline.recognition.training": {"recognition", "flow", "data", "video", "weights"},
        "pipeline.recognition.scoring": {"recognition", "flow", "data", "video", "weights"},
        "pipeline.report.aggregate": {"report", "data", "video"},
    }
    for stage, rooms in allowed.items():
        reached, pending = set(), [stage]
        while pending:
            name = pending.pop()
            if name not in reached:
                reached.add(name)
                pending += module._imports(name)
        folders = {name.split(".")[1] for name in reached if name.count(".") >= 2}
        assert folders <= rooms | {"config"}, stage
        # Weights that are trained here do not depend on the importer of published ones.
        assert "pipeline.weights.published" not in reached
        assert not any(name.startswith("pipeline.weights.layouts") for name in reached)


def test_the_importer_reaches_no_stage():
    reached, pending = set(), ["pipeline.weights.published", "pipeline.weights.checkpoint"]
    while pending:
        name = pending.pop()
        if name not in reached:
            reached.add(name)
            pending += module._imports(name)
    assert {name.split(".")[1] for name in reached if name.count(".") >= 2} == {"weights"}
