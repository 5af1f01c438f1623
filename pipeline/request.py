"""What a stage is asked to do: one typed value, which the experiment fills and the rule hands on as text."""

from __future__ import annotations

import json
import re
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticUndefined

S = TypeVar("S", bound=BaseModel)


class Request(BaseModel):
    """Base of all requests: every field is required, at every depth, and nothing else is taken.

    A request may take fields from parts of the configuration by inheritance, ``class Ask(Request, Crops)``:
    name, type, description and check are then those of the configuration, and the default is dropped. So a
    forgotten key is an error and never a silent default, and a stage cannot read what its request lacks.
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
        """Fill each field from ``values``, else from the first section that has it.

        Raises:
            TypeError: a field that nobody gives, or a value that is no field.
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
        """A request from its text.

        Raises:
            ValueError: a missing or unknown key at any depth, or a value of another type (pydantic's
                ValidationError is one).
        """
        request = cls.model_validate_json(text)
        if missing := sorted(_missing(request.model_dump(mode="json"), json.loads(text))):
            raise ValueError(f"missing: {', '.join(missing)}")
        return request

    def text(self) -> str:
        """JSON with its keys in order, for one argument of a rule."""
        return escape_braces(json.dumps(self.model_dump(mode="json"), sort_keys=True))


def part(section: BaseModel, kind: type[S]) -> S:
    """A part of a section, such as the device of ``compute``: of the class that the section inherits."""
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
    """JSON without braces inside its strings, because Snakemake takes them for wildcards."""
    return re.sub(
        r'"(?:[^"\\]|\\.)*"',
        lambda string: string[0].replace("{", r"\u007b").replace("}", r"\u007d"),
        text,
    )
