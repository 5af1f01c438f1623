"""A published file into a network, whatever its format, wrapping and names."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from pathlib import Path

import torch
from torch import nn

from pipeline.weights import WeightsError
from pipeline.weights.families import NOTES
from pipeline.weights.fitting import fit
from pipeline.weights.formats import Source, read_source
from pipeline.weights.search import Recognised, Search
from pipeline.weights.wrapping import summary

BASICSR = ("params_ema", "params")
"""Both are in files of BasicSR, whose own scripts take the first: no choice is asked for."""


def load_published(network: nn.Module, path: Path, ignore: Collection[str] = ()) -> str:
    """Load a published file into a network, all keys or none; tell on stderr what was not taken.

    Args:
        network: changed in place.
        path: a file of any format of ``formats/`` of any family of ``families/``.
        ignore: beginnings of keys that are left out (VGG's ``classifier.``).

    Returns:
        The name of the family.

    Raises:
        WeightsError: a file that cannot be read, one with several networks to choose from, or keys that are
            missing, unexpected, there twice or of another shape.

    Source: docs/facts.md, sections 5 to 7; docs/weights.md.
    """
    source = read_source(path)
    adopt: Callable[[Source], str] | None = getattr(network, "adopt", None)
    if adopt is not None:
        return adopt(source)
    found = recognise(source, network, ignore=ignore)
    fit(network, found.state, path)
    for note in notes(found, network):
        print(f"{path}: {note}", file=sys.stderr)
    return found.family


def recognise(
    source: Source,
    network: nn.Module,
    part: str | None = None,
    ignore: Collection[str] = (),
    optional: str | None = None,
) -> Recognised:
    """What a file holds for a network: the set of tensors, wrapping and family that give all its keys.

    Where none does, the one that gives most of them, for ``fit`` to list what is wrong.

    Args:
        source: the file.
        network: not changed.
        part: the set to take of several, as the error that asks for it names it.
        ignore: beginnings of keys that are left out.
        optional: a module of the network whose keys may be missing.

    Raises:
        WeightsError: several sets that fit and differ, no set of that name, two tensors for one key, or
            tensors with too few axes for the family.
    """
    try:
        sets = list(Search(source, network, ignore, optional).sets())
    except (RuntimeError, IndexError) as error:
        raise WeightsError(
            f"{source.path} has a tensor of an unexpected number of axes ({error}); give the published file"
        ) from error
    chosen = _choose(source.path, sets, part)
    chosen.others = [each.part for each in sets if each is not chosen]
    if chosen.doubles and chosen.fits:
        name, (one, other) = next(iter(chosen.doubles.items()))
        more = f" (and {len(chosen.doubles) - 1} pairs more)" if len(chosen.doubles) > 1 else ""
        raise WeightsError(
            f"{source.path}: {one} and {other} both become {name} of {type(network).__name__}{more}; "
            "take those that are not meant out of the file"
        )
    return chosen


def notes(found: Recognised, network: nn.Module) -> list[str]:
    """What a user should know of an import that went well: what was taken of several, and what was not."""
    found_notes = [f"took {found.part}, left out {', '.join(found.others)}"] if found.others else []
    found_notes += [f"left out {summary(found.left_out)}"] if found.left_out else []
    return found_notes + ([NOTES[found.family](network)] if found.family in NOTES else [])


def _choose(path: Path, sets: list[Recognised], part: str | None) -> Recognised:
    """The set that is asked for, or the only one that fits; without one, that with most of the keys."""
    if part is not None:
        found = next((each for each in sets if each.part == part), None)
        if found is None:
            held = ", ".join(each.part or "one set, at the top" for each in sets)
            raise WeightsError(f"{path} has no part {part!r}; it has {held}")
        return found
    fitting = [each for each in sets if each.fits]
    if not fitting:
        return max(sets, key=lambda each: each.matched)
    names = [each.part.rpartition(".")[2] for each in fitting]
    if sorted(names) == sorted(BASICSR):
        return fitting[names.index(BASICSR[0])]
    if not all(_equal(fitting[0], each) for each in fitting[1:]):
        held = ", ".join(each.part for each in fitting)
        raise WeightsError(
            f"{path} holds {len(fitting)} sets of weights that fit: {held}; "
            "choose one with python -m pipeline import-weights --part NAME, and give the file that it makes"
        )
    return fitting[0]


def _equal(one: Recognised, other: Recognised) -> bool:
    """Whether two sets hold the same numbers."""
    a, b = one.state, other.state
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)
