"""The stored files are complete, and a changed random stream is not mistaken for a wrong network."""

import numpy as np
import pytest

from tests.golden import reading
from tests.golden.reading import FOLDER, arrays, draws, facts, weights

pytestmark = pytest.mark.numeric

NETWORKS = sorted(path.stem for path in FOLDER.glob("*.json") if "tensors" in facts(path.stem))


def test_another_stream_is_said(monkeypatch):
    def shifted(*seed: int) -> np.random.Generator:
        return draws(*seed[:-1], seed[-1] + 1)

    monkeypatch.setattr(reading, "draws", shifted)
    with pytest.raises(RuntimeError, match=r"weights of vdsr: \w+ is .* NumPy .* network is not at fault"):
        weights("vdsr")


def test_last_tensors_count(monkeypatch):
    """One number beyond the first and the last of the network's tensors shows in the sums."""
    original = reading._tensor

    def flawed(*arguments):
        value = original(*arguments)
        if value.ndim == 4 and value.shape[0] == value.shape[1]:
            value[1, 2, 0, 0] += 0.5
        return value

    monkeypatch.setattr(reading, "_tensor", flawed)
    with pytest.raises(RuntimeError, match="weights of basicsr_rrdb1: sum"):
        weights("basicsr_rrdb1")


@pytest.mark.parametrize("name", NETWORKS)
def test_inputs_follow_their_formula(name):
    """So that an input is what its network is said to have seen."""
    about, stored = facts(name), arrays(name)["input"]
    formula = about["input"]["formula"]
    formula = formula if isinstance(formula, str) else formula[0]
    bounds, _, after = formula.partition("integers(")[2].partition(")")
    low, high = (int(number) for number in bounds.split(", ")[:2])
    scale = float(after.partition("/ ")[2] or 1)
    expected = draws(about["seed"], 1000000).integers(low, high, stored.shape) / scale
    np.testing.assert_array_equal(stored, expected)
