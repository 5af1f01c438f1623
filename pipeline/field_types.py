"""Readable names of field types, and the sections inside them, for docs/config.md and ``--help``."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel


def sections_in(annotation: Any) -> Iterator[tuple[str, type[BaseModel]]]:
    """Sections inside a field's type, each with the suffix of its key."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield "", annotation
        return
    if typing.get_origin(annotation) is typing.Annotated:
        kinds = [found for found in annotation.__metadata__ if hasattr(found, "sections")]
        for kind in kinds:
            yield from kind.sections()
        if kinds:
            return
    arguments = [a for a in typing.get_args(annotation) if a is not type(None)]
    under = ".NAME" if typing.get_origin(annotation) is dict else ""
    for argument in arguments:
        for sub, model in sections_in(argument):
            yield under + sub, model


def type_name(annotation: Any) -> str:
    """A type in words, as for a table: "list of integer", "number or null"."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return type_name(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys("null" if a is type(None) else type_name(a) for a in arguments))
    if origin is typing.Literal:
        return " or ".join(f"`{a}`" for a in arguments)
    if origin is dict:
        return f"map of {type_name(arguments[1])}" if arguments[1] is not Any else "map"
    if origin is list:
        return f"list of {type_name(arguments[0])}"
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return "section"
    return {"str": "text", "int": "integer", "float": "number", "bool": "boolean"}.get(
        annotation.__name__, annotation.__name__.lower()
    )


def describe(model: type[BaseModel], indent: str = "  ") -> str:
    """The fields of a request, one line each: name, type, meaning; fields of inner sections are indented."""
    lines = []
    for name, field in model.model_fields.items():
        lines.append(
            f"{indent}{name} ({type_name(field.annotation)}): {field.description or ''}".rstrip(": ")
        )
        for place, section in sections_in(field.annotation):
            lines += [f"{indent}  each{place}:"] * bool(place)
            lines.append(describe(section, f"{indent}  "))
    return "\n".join(lines)
