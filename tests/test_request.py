"""Requests: filled from sections, complete at every depth, the same after a round trip through text."""

from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from pipeline.config.section import Section
from pipeline.request import Request


class Nested(Section):
    """A part of a configuration."""

    depth: int = Field(2, description="how deep")
    path: Path | None = Field(None, description="a file")


class Crops(Section):
    """A part whose fields a request takes over."""

    size: int = Field(128, description="side in pixels", ge=1)
    grid: list[int] = Field([40, 30], description="strides in pixels")


class Patches(Crops):
    """The section: it has more than the request reads."""

    other: int = 1


class Ask(Request, Crops):
    """A request with fields of its own beside those of the part."""

    kind: Literal["sosr", "tosr"]
    nested: dict[str, Nested]


def ask() -> Ask:
    return Ask.of(Patches(size=32), kind="sosr", nested={"a {b}": Nested(path=Path("x"))})


def test_fields_come_from_the_section_that_has_them():
    request = ask()
    assert (request.size, request.grid, request.kind) == (32, [40, 30], "sosr")
    assert not hasattr(request, "other")


def test_a_round_trip_changes_nothing():
    assert Ask.read(ask().text()) == ask()


def test_no_brace_inside_strings_reaches_snakemake():
    text = ask().text()
    assert "{b}" not in text
    assert "a {b}" in Ask.read(text).nested


@pytest.mark.parametrize("missing", ["size", "kind", "nested"])
def test_every_field_is_required(missing):
    values = dict(ask()) | {"nested": {}}
    del values[missing]
    with pytest.raises(ValueError, match=missing):
        Ask.model_validate(values)


def test_a_key_that_a_nested_section_lacks_is_no_default():
    text = '{"grid": [1], "kind": "sosr", "nested": {"a": {"path": null}}, "size": 1}'
    with pytest.raises(ValueError, match=r"missing: nested\.a\.depth"):
        Ask.read(text)


@pytest.mark.parametrize("text", ['{"size": 0}', '{"unknown": 1}', '{"size": "32"}', "[]", "no JSON"])
def test_other_text_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011
        Ask.read(text)


def test_filling_names_what_nobody_gives():
    with pytest.raises(TypeError, match="needs nested"):
        Ask.of(Patches(), kind="sosr")
    with pytest.raises(TypeError, match="no field colour"):
        Ask.of(Patches(), kind="sosr", nested={}, colour=1)


def test_the_section_keeps_its_defaults():
    assert Crops().size == 128
    assert issubclass(Ask, BaseModel)
    assert Ask.model_fields["size"].description == "side in pixels"
