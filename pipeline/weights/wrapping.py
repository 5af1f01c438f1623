"""Prefixes that trainers add to a network's keys, and tensors that they store beside the network's.

A wrapper adds its own name before every key (``module.``, ``_orig_mod.``, ``net_g.``), in any nesting. A
GAN's file has its parts side by side, each below its own name, and trainers keep averaged copies (EMA) of a
network beside it. Counters of profilers and the preprocessing of frameworks belong to no network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from torch import Tensor

WRAPPERS = frozenset(
    ("module", "_orig_mod", "model", "net", "net_g", "netG", "network", "generator", "base_model", "backbone")
)
"""Prefixes of DataParallel, torch.compile, BasicSR, Lightning, mmagic and TSN's ports."""

AVERAGED = re.compile(r"(\w+_)?ema(_\w+)?")
"""Prefixes of averaged copies."""

EXTRAS = re.compile(
    r"(.*\.)?total_(ops|params)"  # thop
    r"|data_preprocessor\..*|step_counter|n_averaged|(\w+_)?loss(_\w+)?\..*|criterion\..*"
    r"|(\w+\.)?(discriminator|net_?[dD]\w*)\..*",  # the other network of a GAN
)
"""Keys of tensors that belong to no network that we import."""


class Renamed(dict[str, Tensor]):
    """Tensors under new names; each name comes from one key of the file.

    Attributes:
        doubles: names that come from two keys, with both keys; the first one's tensor is kept.
        origins: the key of each name.
    """

    def __init__(self) -> None:
        super().__init__()
        self.doubles: dict[str, tuple[str, str]] = {}
        self.origins: dict[str, str] = {}

    def put(self, name: str, key: str, value: Tensor) -> None:
        """Store the tensor of the file's ``key`` under ``name``."""
        if name in self:
            self.doubles.setdefault(name, (self.origins[name], key))
        else:
            self[name], self.origins[name] = value, key


def renamed(state: Mapping[str, Tensor], name: Callable[[str], str]) -> Renamed:
    """``state`` with its keys renamed by a function."""
    found = Renamed()
    for key, value in state.items():
        found.put(name(key), key, value)
    return found


def copies(state: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """A set's trained network and its averaged copies, by the prefix that tells them apart ("" for none)."""
    found: dict[str, dict[str, Tensor]] = {}
    for key, value in state.items():
        averaged = next((part for part in _wrappers(key, True) if AVERAGED.fullmatch(part)), "")
        found.setdefault(averaged, {})[key] = value
    if len(found) > 1 and "" in found:
        # Named as its copies are: "generator" beside "generator_ema".
        firsts = {part for key in found[""] for part in _wrappers(key, False)[:1]}
        found = {firsts.pop() if len(firsts) == 1 else "": found.pop(""), **found}
    return found


def views(state: Mapping[str, Tensor], averaged: bool = False) -> Iterator[Renamed]:
    """A set with its keys unchanged, then with more and more prefixes removed.

    Args:
        state: tensors by the file's names.
        averaged: also remove the prefixes of averaged copies.
    """
    deepest = max(len(_wrappers(key, averaged)) for key in state)
    for depth in range(deepest + 1):

        def below(key: str, depth: int = depth) -> str:
            return key.split(".", len(_wrappers(key, averaged)[:depth]))[-1]

        yield renamed(state, below)


def parts(state: Mapping[str, Tensor], averaged: bool = False) -> Iterator[tuple[Renamed, list[str]]]:
    """The part of a set below each chain of prefixes, without the chain, and the keys outside it."""
    chains = [tuple(_wrappers(key, averaged)) for key in state]
    for chain in dict.fromkeys(each[:depth] for each in chains for depth in range(1, len(each) + 1)):
        prefix = ".".join(chain) + "."
        inside = {key: value for key, value in state.items() if key.startswith(prefix)}
        beside = [key for key in state if key not in inside]

        def below(key: str, prefix: str = prefix) -> str:
            return key.removeprefix(prefix)

        yield renamed(inside, below), beside


def extras(keys: list[str]) -> list[str]:
    """The ``keys`` that belong to no network."""
    return [key for key in keys if EXTRAS.fullmatch(key)]


def summary(keys: list[str]) -> str:
    """Summary of keys: their first parts (of counters the last), each with its number of keys."""
    counts: dict[str, int] = {}
    for key in keys:
        first, _, rest = key.partition(".")
        last = key.rpartition(".")[2]
        name = last if last.startswith("total_") else f"{first}.*" if rest else first
        counts[name] = counts.get(name, 0) + 1
    return ", ".join(f"{name} ({count})" if count > 1 else name for name, count in counts.items())


def _wrappers(key: str, averaged: bool) -> list[str]:
    """The wrappers that a key begins with, outermost first; never its last part."""
    found = []
    for part in key.split(".")[:-1]:
        if part not in WRAPPERS and not (averaged and AVERAGED.fullmatch(part)):
            break
        found.append(part)
    return found
