"""Facts about the source of one module: a hash of its behaviour, and its imports.

Parsing the package takes a second or two, and each start of Snakemake needs all of it. The facts are
therefore cached by the content of the source, never by its name or time.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from pipeline import behaviour
from pipeline.files import DiskFullError, atomic_path
from pipeline.flow.compiler import cache_folder


@dataclass(frozen=True)
class Name:
    """A name in a from-import.

    Attributes:
        level: dots before the module.
        module: the module after the dots; may be empty.
        name: the imported name.
        bound: its name in the importing module.
        attributes: the attributes read from it, if the module uses it in no other way.
    """

    level: int
    module: str
    name: str
    bound: str
    attributes: list[str]


@dataclass(frozen=True)
class Facts:
    """Attributes:
    digest: hash of the module's behaviour and of its compiled source.
    modules: names in its import statements.
    names: names in its from-imports, at any depth.
    passed: those at the top level, which other modules may import from here.
    """

    digest: str
    modules: list[str]
    names: list[Name]
    passed: list[Name]


def read_facts(source: str, compiled: str, package: str, filename: str) -> Facts:
    """The facts of a module, from the cache if the same source was read before.

    Args:
        source: Python source.
        compiled: source in another language that belongs to the module.
        package: the top-level package of the module.
        filename: shown in a SyntaxError.

    Raises:
        SyntaxError: the source is not valid Python.
    """
    key = hashlib.sha256("\0".join([_reader(), package, source, compiled]).encode()).hexdigest()[:32]
    memory = cache_folder() / "code" / f"{key}.json"
    try:
        return _from_json(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, KeyError):
        found = _read(source, compiled, package, filename)
    # If the cache cannot be written, the facts are computed again next time.
    with suppress(OSError, DiskFullError), atomic_path(memory) as temporary:
        temporary.write_text(json.dumps(asdict(found)), encoding="utf-8")
    return found


@cache
def _reader() -> str:
    """Hash of what the facts depend on beside the source: Python's version, and the code that reads trees."""
    code = [Path(file).read_text(encoding="utf-8") for file in (__file__, behaviour.__file__)]
    return "\0".join([sys.version, *code])


def _from_json(text: str) -> Facts:
    content = json.loads(text)
    names, passed = ([Name(**name) for name in content[part]] for part in ("names", "passed"))
    return Facts(content["digest"], content["modules"], names, passed)


def _read(source: str, compiled: str, package: str, filename: str) -> Facts:
    tree = behaviour.behaviour(source, package, filename)
    nodes = list(_statements(tree))
    taken = _taken(tree)
    return Facts(
        hashlib.sha256((ast.dump(tree) + compiled).encode()).hexdigest(),
        [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names],
        [name for node in nodes for name in _names(node, taken)],
        [name for node in tree.body for name in _names(node, taken)],
    )


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """All nodes except blocks for type checkers only."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)):
            yield node
            pending += ast.iter_child_nodes(node)


def _names(node: ast.AST, taken: dict[str, list[str]]) -> Iterator[Name]:
    if isinstance(node, ast.ImportFrom):
        for alias in node.names:
            bound = alias.asname or alias.name
            yield Name(node.level, node.module or "", alias.name, bound, taken.get(bound, []))


def _taken(tree: ast.Module) -> dict[str, list[str]]:
    """For each name that is only used through its attributes, those attributes."""
    uses: Counter[str] = Counter()
    taken: defaultdict[str, list[str]] = defaultdict(list)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            uses[node.id] += 1
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            taken[node.value.id].append(node.attr)
    return {name: sorted(set(found)) for name, found in taken.items() if len(found) == uses[name]}
