"""What code a stage depends on, as a hash (docs/design.md, rule 3).

Snakemake does not see changes in imported modules. Each rule therefore carries, among its params,
the fingerprint of the modules that its stage can reach: the syntax trees of the stage's module and
of everything it imports inside the package, at any depth. Comments, formatting and docstrings do not
count. Modules that are chosen by the configuration (networks, losses, flow engines) are loaded by
name, so the import statements do not lead to them; the rule names those that it uses.

``pipeline.config`` does not count: its values reach a stage through the rule's other params.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = "pipeline"
IGNORED = "pipeline.config"
"""A package whose modules do not count."""
COMPILED = ".cpp"
"""Source compiled by the module of the same name, such as tvl1.cpp by tvl1.py."""


def fingerprint(*modules: str) -> str:
    """Hash of the code that the named modules reach.

    Args:
        modules: dotted names such as ``pipeline.flow.extract``, or ``package.module:Class`` for a
            network outside of this package, whose own package is then followed as well.
    Returns:
        16 hexadecimal digits.
    Raises:
        ModuleNotFoundError: if a module does not exist.
    """
    reached: set[str] = set()
    pending = [name.partition(":")[0] for name in modules]
    while pending:
        name = pending.pop()
        if name not in reached and not f"{name}.".startswith(f"{IGNORED}."):
            reached.add(name)
            pending += _imports(name)
    digest = hashlib.sha256()
    for name in sorted(reached):
        digest.update(f"{name} {_digest(name)}\n".encode())
    return digest.hexdigest()[:16]


@cache
def _source(name: str) -> Path | None:
    """File of a module, found without importing it where it lies inside the package."""
    if name.split(".")[0] == PACKAGE:
        base = Path(__file__).parent.joinpath(*name.split(".")[1:])
        for path in (base / "__init__.py", base.with_suffix(".py")):
            if path.is_file():
                return path
        return None
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


@cache
def _tree(name: str) -> ast.Module:
    path = _source(name)
    if path is None:
        raise ModuleNotFoundError(f"no source of module {name}")
    tree = ast.parse(path.read_text(), filename=str(path))
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return tree


@cache
def _digest(name: str) -> str:
    digest = hashlib.sha256(ast.dump(_tree(name)).encode())
    compiled = _source(name).with_suffix(COMPILED)
    if compiled.is_file():
        digest.update(_compiled_code(compiled).encode())
    return digest.hexdigest()


def _compiled_code(path: Path) -> str:
    """C++ without comments and layout, with what it includes from its own folder."""
    code = re.sub(r"//[^\n]*|/\*.*?\*/", " ", path.read_text(), flags=re.DOTALL)
    headers = re.findall(r'#include\s+"([^"]+)"', code)
    return " ".join(code.split()) + "".join(_compiled_code(path.parent / header) for header in headers)


@cache
def _imports(name: str) -> tuple[str, ...]:
    """Modules of the same top-level package that a module imports, and the packages it lies in."""
    top = name.split(".")[0]
    found = {name.rpartition(".")[0]} - {""}
    for candidate in _candidates(name):
        if candidate.split(".")[0] == top and _source(candidate):
            found.add(candidate)
    return tuple(sorted(found))


def _candidates(name: str) -> Iterator[str]:
    tree = _tree(name)
    is_package = _source(name).name == "__init__.py"
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = name.split(".")[: len(name.split(".")) - node.level + is_package]
                base = ".".join([*parents, base] if base else parents)
            yield base
            # `from package import name` may name a module.
            for alias in node.names:
                yield f"{base}.{alias.name}"
