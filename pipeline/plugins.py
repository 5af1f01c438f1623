"""Finds classes by their names in the configuration: networks, losses, protocols, layouts and tables.

A name is a file in the folder of its kind, or ``package.module:Class`` for a class of the user's. A file
defines one class of its kind; files whose names begin with an underscore hold shared code.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import pkgutil
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

from pydantic import SerializeAsAny, ValidationInfo, WrapValidator

from pipeline.errors import PipelineError


class KindBase(Protocol):
    """The base class of a kind; ``HOME`` is the package of its files."""

    HOME: ClassVar[str]


class KindSection(KindBase, Protocol):
    """One that is a section of the configuration."""

    @classmethod
    def model_validate(cls, obj: Any, /) -> Any: ...

    @classmethod
    def model_validate_json(cls, json_data: Any, /) -> Any: ...


T = TypeVar("T", bound=KindBase)


class Kind(NamedTuple):
    """The possible sections of a field: all classes of a kind, chosen by a key of the section."""

    base: type[KindBase]
    key: str

    def sections(self) -> Iterator[tuple[str, type]]:
        """The built-in classes, each with the suffix of the field's key for docs/config.md."""
        for name in names(self.base):
            yield f" ({self.key}: {name})", find(self.base, name)


class PluginError(PipelineError, ValueError):
    """A name does not lead to a class of the right kind; the message says what to write."""


def find(base: type[T], name: str) -> type[T]:
    """The class that a name refers to.

    Args:
        base: base class. Its ``HOME`` is the package that holds one file for each name.
        name: a file of that package without its suffix, or ``package.module:Class``.

    Raises:
        PluginError: no such file, module or class, or the class does not extend ``base``.
    """
    module_name, _, class_name = name.partition(":")
    if not class_name:
        module_name = f"{base.HOME}.{name}"
        if name not in names(base):
            raise PluginError(f"no {name!r} among {', '.join(names(base))}; or give package.module:Class")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        # The module exists but imports something that is missing: show that error.
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise PluginError(
            f"no module {module_name}; give package.module:Class or one of {', '.join(names(base))}"
        ) from None
    found = getattr(module, class_name, None) if class_name else _only_class(module, base)
    if found is None:
        raise PluginError(f"{module_name} has no {class_name or base.__name__}; name an existing class")
    if not (inspect.isclass(found) and issubclass(found, base)):
        raise PluginError(f"{name} does not extend {base.__name__} ({base.__module__})")
    return found


def names(base: type[KindBase]) -> list[str]:
    """Names of the built-in classes of a kind."""
    return files(base.HOME)


def files(home: str) -> list[str]:
    """Names of a package's files; neither they nor the package are imported."""
    spec = importlib.util.find_spec(home)
    folders = spec.submodule_search_locations if spec else None
    return sorted(info.name for info in pkgutil.iter_modules(folders) if info.name[0] != "_")


def module_of(base: type[KindBase], name: str) -> str:
    """The module, or ``package.module:Class``, that a name refers to; nothing is imported."""
    return name if ":" in name else f"{base.HOME}.{name}"


def named(base: type[KindSection], key: str) -> tuple[Any, ...]:
    """Metadata of a field whose value is a section of the class that its ``key`` names.

    Example: ``Layout = Annotated[LayoutBase, *named(LayoutBase, "layout")]``
    """

    def check(value: Any, handler: Any, info: ValidationInfo) -> Any:
        if isinstance(value, base) or not isinstance(value, dict) or not isinstance(value.get(key), str):
            return handler(value)
        section = find(base, value[key])
        # JSON mode: strict about text and numbers like the rest of the file, but paths may be text.
        if info.mode == "json":
            return section.model_validate_json(json.dumps(value))
        return section.model_validate(value)

    any_class = SerializeAsAny()  # type: ignore[type-arg]  # metadata here, no type
    return WrapValidator(check), any_class, Kind(base, key)


def _only_class(module: Any, base: type) -> Any:
    own = [
        value
        for value in vars(module).values()
        # Not isclass, which reads an attribute of each value and would load lazy modules.
        if issubclass(type(value), type) and issubclass(value, base) and value.__module__ == module.__name__
    ]
    if len(own) > 1:
        listed = ", ".join(cls.__name__ for cls in own)
        raise PluginError(
            f"{module.__name__} holds {listed}; a file holds one class that extends {base.__name__}"
        )
    return own[0] if own else None
