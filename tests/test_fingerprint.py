"""Fingerprints of a small package written for the purpose."""

import shutil
import sys
from pathlib import Path

import pytest

from pipeline import fingerprint as module
from pipeline.cli import STAGES


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
        for function in (module._source, module._facts, module._imports):
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


def test_a_name_leads_to_the_module_that_defines_it(package, monkeypatch):
    """A package that only passes names on does not count, nor do the names that a module does not take.

    Of our own package: around a user's module its packages count, whatever they do.
    """
    monkeypatch.setattr(module, "PACKAGE", "toy")
    monkeypatch.setattr(module, "__file__", str(package.folder / "fingerprint.py"))
    (package.folder / "deep/__init__.py").write_text("from .sibling import VALUE\nfrom .spare import SPARE\n")
    (package.folder / "deep/spare.py").write_text("SPARE = 1\n")
    for text in (
        "from toy.deep import VALUE\n\ndef value():\n    return VALUE\n",
        "from toy import deep\n\ndef value():\n    return deep.VALUE\n",
    ):
        (package.folder / "helper.py").write_text(text)
        before = package()
        replace(package.folder / "deep/spare.py", "= 1", "= 1 + 1")
        assert package() == before
        replace(package.folder / "deep/spare.py", "= 1 + 1", "= 1")
        replace(package.folder / "deep/sibling.py", "= 1", "= 1 + 1")
        assert package() != before
        replace(package.folder / "deep/sibling.py", "= 1 + 1", "= 1")
        # The package takes the name from elsewhere.
        replace(package.folder / "deep/__init__.py", "sibling import VALUE", "spare import SPARE as VALUE")
        assert package() != before
        replace(package.folder / "deep/__init__.py", "spare import SPARE as VALUE", "sibling import VALUE")
        assert package() == before


def test_a_module_used_as_a_whole_is_followed_as_a_whole(package):
    (package.folder / "deep/__init__.py").write_text("from .spare import SPARE\n")
    (package.folder / "deep/spare.py").write_text("SPARE = 1\n")
    (package.folder / "helper.py").write_text("from toy import deep\n\ndef value():\n    return vars(deep)\n")
    before = package()
    replace(package.folder / "deep/spare.py", "= 1", "= 2")
    assert package() != before


@pytest.mark.parametrize(
    ("file", "old", "new", "stages"),
    [
        (
            "config/section.py",
            "Literal[2, 3, 4, 8]",
            "Literal[2, 4]",
            {"pipeline.data.prepare", "pipeline.superres.training"},
        ),
        (
            "recognition/protocols/st_resnet.py",
            "(self.training.stage1, self.training.stage2) if stage]",
            "(self.training.stage2, self.training.stage1) if stage]",
            {"pipeline.recognition.protocols.st_resnet"},
        ),
    ],
)
def test_behaviour_in_the_configuration_counts(monkeypatch, tmp_path, file, old, new, stages):
    changed = fingerprints_with(monkeypatch, tmp_path, {file: (old, new)})
    assert stages <= changed
    # The configuration's reading and documentation are no stage's.
    assert "pipeline.data.demo.generate" not in changed or file == "config/section.py"


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("video/store.py", "clip {clip} is added twice", "clip {clip} was added twice"),
        ("superres/batches.py", "holds no training patches; crop", "has no training patches; crop"),
        ("training/log.py", "is not finite between", "is infinite between"),
        ("data/prepare.py", "the file changed since", "its bytes changed since"),
        ("data/listing.py", 'left out"', 'left out, see there"'),
        ("quality/measure.py", 'unit="clip"', 'unit="video"'),
        ("config/superres.py", "Adam's learning rate", "learning rate of Adam"),
        ("config/superres.py", "PositiveInt = Field(400_000", "PositiveInt = Field(300_000"),
        ("config/superres.py", "give either weights or training", "give weights or training"),
    ],
)
def test_words_count_nowhere(monkeypatch, tmp_path, file, old, new):
    assert fingerprints_with(monkeypatch, tmp_path, {file: (old, new)}) == set()


def fingerprints_with(monkeypatch, folder: Path, changes: dict[str, tuple[str, str]]) -> set[str]:
    """Stages whose fingerprint changes with some edits of our own package."""

    def take() -> dict[str, str]:
        return {stage: module.fingerprint(stage) for stage in stages}

    def forget() -> None:
        for function in (module._source, module._facts, module._imports):
            function.cache_clear()

    stages = {name.partition(":")[0] for name in STAGES.values()} - {"pipeline.preflight.report"}
    # What jobs reach by name counts beside their stage (Experiment.code).
    stages |= {"pipeline.recognition.protocols.st_resnet"}
    before = take()
    copy = folder / "pipeline"
    shutil.copytree(Path(module.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for file, (old, new) in changes.items():
        replace(copy / file, old, new)
    monkeypatch.setattr(module, "__file__", str(copy / "fingerprint.py"))
    forget()
    after = take()
    monkeypatch.undo()
    forget()
    return {stage for stage in stages if before[stage] != after[stage]}


def test_stages_do_not_reach_each_other():
    """The order of imports: a stage's code reaches no other stage's code except data and flow."""
    allowed = {
        "pipeline.data.prepare": {"data", "video"},
        "pipeline.flow.extract": {"flow", "data", "video"},
        "pipeline.patches.crop": {"patches", "flow", "data", "video"},
        "pipeline.superres.training": {"superres", "training", "flow", "data", "video", "weights"},
        "pipeline.superres.inference": {"superres", "training", "flow", "data", "video", "weights"},
        "pipeline.recognition.training": {"recognition", "training", "flow", "data", "video", "weights"},
        "pipeline.recognition.scoring": {"recognition", "training", "flow", "data", "video", "weights"},
        "pipeline.report.aggregate": {"report", "data", "video"},
    }
    for stage, rooms in allowed.items():
        reached = module.reached(stage)
        folders = {name.split(".")[1] for name in reached if name.count(".") >= 2}
        assert folders <= rooms | {"config"}, stage
        # Weights that are trained here do not depend on the reader of published ones.
        assert "pipeline.weights.published" not in reached
        assert not any(name.startswith("pipeline.weights.families") for name in reached)


def test_the_reader_of_published_weights_reaches_no_stage():
    reached = module.reached("pipeline.weights.published", "pipeline.weights.checkpoint")
    assert {name.split(".")[1] for name in reached if name.count(".") >= 2} == {"weights"}
