"""Finds a network's tensors in a file: the set of tensors, the prefixes and the family whose names fit."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from pipeline.weights.families import FAMILIES
from pipeline.weights.fitting import COUNTER
from pipeline.weights.formats import Source
from pipeline.weights.wrapping import Renamed, copies, extras, parts, views


@dataclass
class Recognised:
    """The tensors of a set that belong to a network, under the network's keys.

    Attributes:
        family: name of the family whose naming they have.
        part: their place in the file ("state_dict_ema"); empty at the top.
        state: the tensors.
        left_out: keys of the set that belong to no network or to another one.
        doubles: a key of the network, and the two of the file that stand for it.
        fits: whether these are all the keys of the network, and no others; shapes may still differ.
        matched: how many of the network's keys are among them.
        others: parts of the file that were not taken.
    """

    family: str
    part: str
    state: dict[str, Tensor]
    left_out: list[str]
    doubles: dict[str, tuple[str, str]]
    fits: bool = False
    matched: int = 0
    others: list[str] = field(default_factory=list)


class Search:
    """Search for the tensors of ``network`` in ``source``.

    Args:
        source: the file.
        network: not changed.
        ignore: prefixes of keys that are ignored.
        optional: a module of the network whose keys may be missing.
    """

    def __init__(
        self, source: Source, network: nn.Module, ignore: Collection[str] = (), optional: str | None = None
    ) -> None:
        self.source, self.network, self.ignore = source, network, tuple(ignore)
        self.spared = () if optional is None else (f"{optional}.",)
        self.own = network.state_dict().keys()

    def sets(self) -> Iterator[Recognised]:
        """The best match in each set of the file; averaged copies beside a network count as sets."""
        for place, state in self.source.sets.items():
            split = copies(state)
            if len(split) == 1:
                yield self._best(place, state, averaged=True)
            elif (whole := self._best(place, state, averaged=False, whole=True)).fits:
                yield whole  # the network's own names are like those of copies
            else:
                for name, copy in split.items():
                    yield self._best(".".join(filter(None, (place, name))), copy, averaged=True)

    def _best(
        self, place: str, state: Mapping[str, Tensor], averaged: bool, whole: bool = False
    ) -> Recognised:
        """The first prefixes and family that fit; if none fit, those that give most of the network's keys.

        The whole set is tried first. If two of its tensors get the same key, that is the result, because
        using a part of the set would be a silent choice. ``whole``: do not try parts.
        """
        tried: list[Recognised] = []
        for view in views(state, averaged):
            tried += self._families(place, view, [])
            if tried[-1].fits and not tried[-1].doubles:
                return tried[-1]
        if double := next((each for each in tried if each.fits), None):
            return double
        for part, beside in () if whole else parts(state, averaged):
            tried += self._families(place, part, beside)
            if tried[-1].fits:
                return tried[-1]
        return max(tried, key=lambda each: each.matched)

    def _families(self, place: str, view: Renamed, beside: list[str]) -> list[Recognised]:
        """What each family makes of a view; one that fits ends the list."""
        tried = []
        for name, rename in FAMILIES.items():
            made = rename(Source(self.source.path, self.source.format, {"": view}), self.network)
            if made is None:
                continue
            doubles = dict(view.doubles)
            for key, pair in getattr(made, "doubles", {}).items():
                one, other = pair
                doubles[key] = (view.origins[one], view.origins[other])
            tried.append(self._judge(Recognised(name, place, made, list(beside), doubles)))
            if tried[-1].fits and not tried[-1].doubles:
                break
        return tried

    def _judge(self, found: Recognised) -> Recognised:
        """``found`` without what is no network's, and whether its keys are the network's."""
        state = {key: value for key, value in found.state.items() if not key.startswith(self.ignore)}
        unexpected = [key for key in state if key not in self.own and not key.endswith(COUNTER)]
        dropped = extras(unexpected)
        required = {k for k in self.own if not k.endswith(COUNTER) and not k.startswith(self.spared)}
        found.state = {key: value for key, value in state.items() if key not in set(dropped)}
        found.left_out += dropped
        found.doubles = {
            key: pair
            for key, pair in found.doubles.items()
            if key in self.own and not key.startswith(self.spared) and not key.endswith(COUNTER)
        }
        found.fits = required <= found.state.keys() and len(unexpected) == len(dropped)
        found.matched = len(self.own & found.state.keys())
        return found
