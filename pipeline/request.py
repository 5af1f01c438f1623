"""Requests: the typed settings of one stage, filled by the experiment and passed by the rule as JSON."""

from __future__ import annotations

import json
import re
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticUndefined

S = TypeVar("S", bound=BaseModel)


class Request(BaseModel):
    """Base of all requests: every field is required, at every depth, and unknown fields are errors.

    A request may inherit fields from parts of the configuration, ``class Ask(Request, Crops)``. It takes
    their names, types, descriptions and checks, and drops their defaults. So a forgotten key is an error
    instead of a silent default, and a stage cannot read anything that its request lacks.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        super().__pydantic_init_subclass__(**options)
        for field in cls.model_fields.values():
            field.default, field.default_factory = PydanticUndefined, None
        cls.model_rebuild(force=True)

    @classmethod
    def of(cls, *sections: BaseModel, **values: Any) -> Self:
        """Fill each field from ``values``, otherwise from the first section that has it.

        Raises:
            TypeError: a field has no value, or a value has no field.
        """
        if unknown := values.keys() - cls.model_fields:
            raise TypeError(f"{cls.__name__} has no field {', '.join(sorted(unknown))}")
        for name in cls.model_fields.keys() - values.keys():
            owner = next((section for section in sections if name in type(section).model_fields), None)
            if owner is None:
                raise TypeError(f"{cls.__name__} needs {name}, which no section has")
            values[name] = getattr(owner, name)
        return cls.model_validate(values)

    @classmethod
    def read(cls, text: str) -> Self:
        """Parse a request from JSON.

        Raises:
            ValueError: a missing or unknown key at any depth, or a value of another type (pydantic's
                ValidationError is one).
        """
        request = cls.model_validate_json(text)
        if missing := sorted(_missing(request.model_dump(mode="json"), json.loads(text))):
            raise ValueError(f"missing: {', '.join(missing)}")
        return request

    def text(self) -> str:
        """JSON with sorted keys, for one argument of a command."""
        return escape_braces(json.dumps(self.model_dump(mode="json"), sort_keys=True))


def part(section: BaseModel, kind: type[S]) -> S:
    """The part of a section that belongs to a base class of it, such as the ``Device`` of ``compute``."""
    return kind.model_validate({name: getattr(section, name) for name in kind.model_fields})


def _missing(whole: Any, given: Any, place: str = "") -> list[str]:
    """Dotted names of the keys that were filled in by defaults of nested sections."""
    if isinstance(whole, dict) and isinstance(given, dict):
        found = [f"{place}{key}" for key in whole.keys() - given.keys()]
        for key in whole.keys() & given.keys():
            found += _missing(whole[key], given[key], f"{place}{key}.")
        return found
    if isinstance(whole, list) and isinstance(given, list):
        pairs = enumerate(zip(whole, given, strict=True))
        return [name for n, (ours, theirs) in pairs for name in _missing(ours, theirs, f"{place}{n}.")]
    return []


def escape_braces(text: str) -> str:
    """JSON with the braces inside its strings escaped, because Snakemake reads them as wildcards."""
    return re.sub(
        r'"(?:[^"\\]|\\.)*"',
        lambda string: string[0].replace("{", r"\u007b").replace("}", r"\u007d"),
        text,
    )
