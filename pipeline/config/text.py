"""Checks of configuration files for mistakes that YAML readers accept silently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline.config import Config, Section
from pipeline.errors import PipelineError

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The faster loader of libyaml, if available."""

NAMED_MAPS = ("datasets", "superres.models", "recognition.recognizers", "methods")
"""Maps whose entries are named by users; null removes one."""


class ConfigTextError(PipelineError):
    """A configuration file cannot be read or is ambiguous; the message names file and line."""


def read_config(path: Path) -> dict[str, Any]:
    """Read a configuration file.

    Raises:
        ConfigTextError: it is not UTF-8 text, YAML or a map of keys, or it has a key twice.
        OSError: it cannot be read.
    """
    text = _text(path)
    check_keys(path)
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigTextError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ConfigTextError(
            f"{path}: has no keys at its top level; config/own-data.yaml is a file to start from"
        )
    return content


def check_keys(path: Path) -> None:
    """Refuse a file with a repeated key, of which YAML readers silently keep the last.

    Raises:
        ConfigTextError: a key is repeated, or the file is not UTF-8 text.
        OSError: it cannot be read.
    """
    try:
        tree = yaml.compose(_text(path), Loader=LOADER)
    except yaml.YAMLError:
        return  # reported when the content is read
    if problems := list(_repeated(tree, "", set())):
        raise ConfigTextError("\n".join(f"{path}: {problem}" for problem in problems))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigTextError(f"{path}: not UTF-8 text; save it as UTF-8") from None


def _repeated(node: yaml.Node | None, key: str, seen: set[int]) -> Iterator[str]:
    """One line for each key that is repeated in one map; an alias is checked once."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for name, count in Counter(name.value for name, _ in node.value).items():
            if count > 1 and name != "<<":
                lines = [str(n.start_mark.line + 1) for n, _ in node.value if n.value == name]
                full = f"{key}.{name}".strip(".")
                yield f"{full} is there {count} times, in lines {', '.join(lines)}; keep one"
        for name, value in node.value:
            yield from _repeated(value, f"{key}.{name.value}".strip("."), seen)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _repeated(value, key, seen)


def without_empty(raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Remove empty (null) sections and entries of named maps; also return one line per removed entry.

    A section with all its lines commented out gets its defaults; a second file removes an entry of the first
    with ``NAME: null``. A number as the name of the output folder becomes text.
    """
    empty_sections = {
        k for k, f in Config.model_fields.items() if _is_section(f.annotation) and raw.get(k) is None
    }
    raw = {key: value for key, value in raw.items() if key not in empty_sections}
    if type(raw.get("output")) is int:
        raw["output"] = str(raw["output"])
    taken = []
    for path in NAMED_MAPS:
        *sections, last = path.split(".")
        parent = raw
        for name in sections:
            if not isinstance(parent.get(name), Mapping):
                break
            parent[name] = dict(parent[name])
            parent = parent[name]
        else:
            if isinstance(entries := parent.get(last), Mapping):
                parent[last] = {name: entry for name, entry in entries.items() if entry is not None}
                left = [name for name in entries if name not in parent[last]]
                taken += [f"{path}.{name}: empty (null), and so left out" for name in left]
    return raw, taken


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Section)
