"""Golden data of published implementations: weights by formula, inputs and outputs (README.md)."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent

PARTS = {
    "output[...]": (...,),
    "output[..., ::2, ::2]": (..., slice(None, None, 2), slice(None, None, 2)),
    "output[:, ::2]": (slice(None), slice(None, None, 2)),
}
"""What part of an output is stored, as ``output.stored`` has it."""


@lru_cache(maxsize=64)
def facts(name: str) -> dict[str, Any]:
    """The description of a golden; not to be changed."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def arrays(name: str) -> dict[str, np.ndarray]:
    """The stored arrays of a golden."""
    with np.load(FOLDER / f"{name}.npz") as file:
        return dict(file)


def draws(*seed: int) -> np.random.Generator:
    """The generator of all formulas."""
    return np.random.Generator(np.random.PCG64(list(seed)))


def weights(name: str) -> dict[str, np.ndarray]:
    """A network's tensors under the published names, in the published order.

    Raises:
        RuntimeError: NumPy's generator no longer gives the numbers that the outputs were made from, so that
            the outputs say nothing about the network.
    """
    about = facts(name)
    tensors = {
        key: _tensor(draws(about["seed"], place), tuple(shape), dtype, kind, offset, scale)
        for place, (key, shape, dtype, kind, offset, scale) in enumerate(about["tensors"])
    }
    _check(name, [value for value in tensors.values() if value.dtype == np.float32])
    return tensors


def _tensor(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: str, kind: str, offset: float, scale: float
) -> np.ndarray:
    if kind == "zero":
        return np.zeros(shape, dtype)
    n = rng.standard_normal(shape)
    if kind == "moments":
        value = np.stack((scale * n[:, 0], np.sqrt(1 + 2 * scale * np.abs(n[:, 1]))), 1)
    elif kind == "identity":
        value = np.eye(round(n.size**0.5)).reshape(shape) + scale * n
    elif kind in ("normal", "abs"):
        value = np.abs(n, out=n) if kind == "abs" else n
        value *= scale  # in place: FlowNet2 has 162 million of them
        value += offset
    else:
        raise ValueError(f"kind {kind!r} of a tensor: expected zero, moments, identity, normal or abs")
    return value.astype(dtype)


def _check(name: str, tensors: list[np.ndarray]) -> None:
    expected = facts(name)["weights_check"]
    sums = np.zeros(2)
    for value in tensors:
        exact = value.ravel().astype(np.float64)
        sums += exact.sum(), exact @ exact
    found = {
        "values": sum(value.size for value in tensors),
        "first_values": tensors[0].ravel()[:3],
        "last_values": tensors[-1].ravel()[-3:],
        "sum": sums[0],
        "sum_of_squares": sums[1],
    }
    for key, value in found.items():
        if not np.allclose(value, expected[key], rtol=1e-9, atol=1e-6):
            raise RuntimeError(
                f"weights of {name}: {key} is {value}, expected {expected[key]}: NumPy {np.__version__} "
                "draws other numbers than 2.4.6, or the formula was changed; the network is not at fault"
            )


def inputs(name: str, key: str = "input") -> np.ndarray:
    """An input as the network sees it: each stored pixel repeated where ``input.repeat`` says so."""
    stored, times = arrays(name)[key], facts(name)["input"]["repeat"]
    return stored.repeat(times, -1).repeat(times, -2)


def stored_part(name: str, output: np.ndarray) -> np.ndarray:
    """Of an output, what the golden stores."""
    return output[PARTS[facts(name)["output"]["stored"]]]


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """max |found - expected| / max |expected|, which the tolerances of networks are of."""
    assert found.shape == expected.shape, (found.shape, expected.shape)
    return float(np.abs(found - expected).max() / np.abs(expected).max())
