"""What the source of one module says: a hash of its behaviour, and what it imports from where.

Parsing the package takes a second or two, and each start of Snakemake needs all of it. So the facts are
remembered in the cache folder by the content of the source, never by its name or time.
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
    """A name that a from-import takes.

    Attributes:
        level: dots before the module.
        module: what stands after them; may be empty.
        name: the name there.
        bound: the name that the importing module gives it.
        attributes: what the module takes from it, where it does nothing else with it.
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
    passed: those at the top level: other modules may take them from here.
    """

    digest: str
    modules: list[str]
    names: list[Name]
    passed: list[Name]


def read_facts(source: str, compiled: str, package: str, filename: str) -> Facts:
    """The facts of a module, from memory where the same source was read before.

    Args:
        source: Python source.
        compiled: source in another language that belongs to the module.
        package: the top-level package that the module lies in.
        filename: shown where the source is no Python.

    Raises:
        SyntaxError: the source is no Python.
    """
    key = hashlib.sha256("\0".join([_reader(), package, source, compiled]).encode()).hexdigest()[:32]
    memory = cache_folder() / "code" / f"{key}.json"
    try:
        return _from_json(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, KeyError):
        found = _read(source, compiled, package, filename)
    # With no place to remember them, they are found again next time.
    with suppress(OSError, DiskFullError), atomic_path(memory) as temporary:
        temporary.write_text(json.dumps(asdict(found)), encoding="utf-8")
    return found


@cache
def _reader() -> str:
    """What facts depend on beside the source: Python's syntax trees, and the code that reads them."""
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
    """All nodes but what only a type checker reads."""
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
    """Attributes that are taken from each name which is used in no other way."""
    uses: Counter[str] = Counter()
    taken: defaultdict[str, list[str]] = defaultdict(list)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            uses[node.id] += 1
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            taken[node.value.id].append(node.attr)
    return {name: sorted(set(found)) for name, found in taken.items() if len(found) == uses[name]}
