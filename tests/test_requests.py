"""For every field of every stage's request: another value changes the requests that hold it, and no others.

Snakemake starts a job again where its recorded request differs (tests/test_invalidation.py), so this is which
jobs a key of the configuration starts again.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel
from workflow import Project

from pipeline.config import Config
from pipeline.config.load import ConfigError, load_config
from pipeline.experiment import Experiment
from pipeline.request import Request

pytestmark = pytest.mark.slow

# What another value of one key does not change: which job it is, and names that the rows and columns give.
GIVEN = {
    "split",
    "shard",
    "dataset",
    "model",
    "method",
    "recognizer",
    "name",
    "engine",
    "gap",
    "stream",
    "row",
    "sources",
    "flow_sources",
    "costs",
    "group",
}
# Keys whose other value means other jobs, or needs a second key: whole sections, ratios that name a
# recogniser, the second stage of ST-ResNet with its pooling, paths that only a data set of one's own has.
OTHERS = {"args", "layout", "loss", "protocol", "table", "ratio", "ratios", "stage2", "temporal_pool", "root"}
# Lists of sections, what they name and what follows from them: tests/test_degradations.py.
OTHERS |= {"degradation", "degradations", "step", "low"}
OTHERS |= {"splits", "classes"}
# Data sets without HR, which need another one with it.
OTHERS |= {"resolution", "recognizer_from", "lacking_hr"}
OTHERS |= {"split_of", "joins"}  # which the run sets
# Of the report page: null are all tables, and other values name some.
OTHERS |= {"tables"}
# Parts that are there or not: their keys are tried one by one where they are there.
PARTS = {"compute", "feature_network", "flownet2", "pairs", "labels", "ffmpeg"}


CLIP: dict[str, Any] = {"protocol": "clip", "args": {"width": 8, "blocks": [1]}, "crop": 32, "frames": 4}
CLIP |= {"mean": [0.5, 0.5, 0.5], "deviation": [0.2, 0.2, 0.2], "rgb": {"iterations": 2, "batch_size": 4}}


class Leaf(NamedTuple):
    """A key of the configuration, and the section that declares it."""

    path: tuple[str | int, ...]
    section: type[BaseModel]
    value: Any

    def others(self) -> list[Any]:
        """Values that may stand in its place."""
        return others(self.value, self.section.model_fields[self.path[-1]].annotation)


def leaves(section: BaseModel, path: tuple[str | int, ...] = ()) -> Iterator[Leaf]:
    """All keys below a section that hold no section."""
    for name in type(section).model_fields:
        value, place = getattr(section, name), (*path, name)
        if isinstance(value, BaseModel):
            yield from leaves(value, place)
        elif isinstance(value, dict) and any(isinstance(v, BaseModel) for v in value.values()):
            for key, item in value.items():
                if isinstance(item, BaseModel):
                    yield from leaves(item, (*place, key))
        else:
            yield Leaf(place, type(section), value)


NAMES = ["vdsr", "rcan", "resnet50", "bn_inception", "vgg19", "srgan_discriminator", "cdvl134", "other.pth"]


def others(value: Any, kind: Any = None) -> list[Any]:
    """Values that may stand in place of one; the configuration takes some of them."""
    chosen = [choice for choice in choices(kind) if choice != value]
    match value:
        case bool():
            return [not value]
        case int():
            return [*chosen, value + 1, value - 1, value + 4, value * 2]
        case float():
            return [value * 0.9, value / 2 + 0.01, value + 1.0]
        case list() if value and all(isinstance(item, (int, float)) for item in value):
            return [[*value[:-1], other] for other in others(value[-1])]
        case list():
            return [value[::-1], value[:-1], [*value, "conv"], ["act0"]]
        case None:
            return [*chosen, 0.5, 2, True, [1, 1], *NAMES]
        case _:
            return [*chosen, *NAMES]


def choices(kind: Any) -> list[Any]:
    """Values of the literals in a type."""
    if get_origin(kind) is Literal:
        return list(get_args(kind))
    return [choice for part in get_args(kind) for choice in choices(part)]


def declared(kind: type[BaseModel], name: str) -> tuple[str, str]:
    """Who declares a field, and the field: requests take fields from parts of the configuration."""
    owner = next(base for base in reversed(kind.__mro__) if name in inspect.get_annotations(base))
    return owner.__name__, name


def held(value: Any) -> set[tuple[str, str]]:
    """All fields in a request, at every depth."""
    if isinstance(value, BaseModel):
        parts = {name: held(getattr(value, name)) for name in type(value).model_fields}
        own = {declared(type(value), name) for name, below in parts.items() if not below}
        return own.union(*parts.values())
    if isinstance(value, dict):
        # A table's settings and a network's arguments are named, but not declared.
        return {("", name) for name in value}.union(*map(held, value.values()))
    return set().union(*map(held, value)) if isinstance(value, (list, tuple)) else set()


def requests(config: Config, jobs: list[tuple[str, dict[str, str]]]) -> dict[int, Request]:
    """The request of each job, as its rule asks for it."""
    asked = Experiment(config).requests
    found = {}
    for number, (rule, wildcards) in enumerate(jobs):
        fill = getattr(asked, rule)
        found[number] = fill(
            **{k: v for k, v in wildcards.items() if k in inspect.signature(fill).parameters}
        )
    return found


def changed(raw: dict, leaf: Leaf, value: Any) -> Config | None:
    """The configuration with another value of one key; None where it may not have that value."""
    raw = copy.deepcopy(raw)
    section = raw
    for key in leaf.path[:-1]:
        if section.get(key) is None:
            section[key] = {}
        section = section[key]
    section[leaf.path[-1]] = value
    try:
        return load_config(raw, data_must_exist=False)
    except ConfigError:
        return None


def test_a_field_changes_the_requests_that_hold_it_and_no_others(root: Path, tmp_path: Path):
    raw = yaml.safe_load((root / "tests/micro/config.yaml").read_text())
    raw = yaml.safe_load(
        yaml.dump(raw, Dumper=WithoutAliases)
    )  # a change of a shared object would show in all
    # What the micro configuration lacks: a recogniser of clips.
    raw["recognition"]["recognizers"]["clip"] = CLIP
    project = Project.copy(root, tmp_path)
    (project.folder / "asked.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    targets = ["results/table4.csv", "tables", "figures", "report"]
    plan = project.planned("--configfile", "asked.yaml", "--", *targets)
    plan.discard("pack_page")  # asks for nothing but files
    jobs = [(rule, dict(w.split("=") for w in words)) for rule, *words in map(str.split, sorted(plan))]
    config = load_config(raw, data_must_exist=False)
    before = requests(config, jobs)
    texts = {number: request.text() for number, request in before.items()}
    fields = set().union(*map(held, before.values()))
    holds = {number: {name for _, name in held(request)} for number, request in before.items()}
    seen: set[tuple[str, str]] = set()
    for leaf in leaves(config):
        field = declared(leaf.section, leaf.path[-1])
        if field in seen or field[1] not in {name for _, name in fields}:
            continue
        for value in leaf.others():
            after = changed(raw, leaf, value)
            if after is None:
                continue
            try:
                now = requests(after, jobs)
            except (KeyError, AssertionError):  # it names another experiment: other jobs
                continue
            touched = {number for number in now if now[number].text() != texts[number]}
            if touched:
                seen.add(field)
                names = {field[1], f"{field[1]}s"}  # a list of several rows' own
                assert all(names & holds[number] for number in touched), (leaf.path, value)
                break
    # Rows and columns of tables are entries of their own, with the names that the sections have.
    missing = {name for owner, name in fields if owner} - {name for _, name in seen}
    missing -= GIVEN | OTHERS | PARTS
    assert not missing, ", ".join(sorted(missing))


class WithoutAliases(yaml.SafeDumper):
    """YAML in which nothing is shared."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
