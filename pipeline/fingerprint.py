"""Hash of the code that a stage depends on (docs/design.md, rule 3).

Snakemake does not see changes in imported modules. Each rule therefore has among its params the fingerprint
of the modules that its stage can reach: the syntax trees of the stage's module and of everything that it
imports inside the package, at any depth. Comments, formatting, docstrings and messages do not count
(behaviour.py), and each source is parsed once (module_facts.py). Modules that the configuration chooses
(networks, losses, flow engines) are loaded by name, so import statements do not lead to them; the rule names
those that it uses.

A name that a package re-exports (``from pipeline.config import SCALE``) leads to the module that defines
it, not to the whole package.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pipeline.module_facts import Facts, Name, read_facts

PACKAGE = "pipeline"
COMPILED = ".cpp"
"""Sources that the module of the same name compiles, such as tvl1.cpp by tvl1.py."""


def fingerprint(*modules: str) -> str:
    """Hash of the code that the named modules reach.

    Args:
        modules: dotted names such as ``pipeline.flow.extract``, or ``package.module:Class`` for a network
            outside this package, whose own package is then followed as well.
    Returns:
        16 hexadecimal digits.
    Raises:
        ModuleNotFoundError: if a module does not exist.
    """
    digest = hashlib.sha256()
    for name in sorted(reached(*modules)):
        digest.update(f"{name} {_facts(name).digest}\n".encode())
    return digest.hexdigest()[:16]


def reached(*modules: str) -> set[str]:
    """Names of the modules that ``fingerprint`` hashes; same arguments and errors."""
    found: set[str] = set()
    pending = [name.partition(":")[0] for name in modules]
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += _imports(name)
    return found


@cache
def _source(name: str) -> Path | None:
    """Source file of a module; modules of this package are found without importing them."""
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
def _facts(name: str) -> Facts:
    path = _source(name)
    if path is None:
        raise ModuleNotFoundError(f"no source of module {name}")
    compiled = path.with_suffix(COMPILED)
    code = _compiled_code(compiled) if compiled.is_file() else ""
    return read_facts(path.read_text(encoding="utf-8"), code, name.split(".")[0], str(path))


def _compiled_code(path: Path) -> str:
    """C++ source without comments and layout, with the headers that it includes from its folder."""
    code = re.sub(r"//[^\n]*|/\*.*?\*/", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    headers = re.findall(r'#include\s+"([^"]+)"', code)
    return " ".join(code.split()) + "".join(_compiled_code(path.parent / header) for header in headers)


@cache
def _imports(name: str) -> tuple[str, ...]:
    """Modules of the same top-level package that a module imports."""
    found = {module for module in _candidates(name) if _source(module)}
    if name.split(".")[0] != PACKAGE:
        # Importing a module runs its parent packages. Ours only define and re-export names.
        found |= {name.rpartition(".")[0]} - {""}
    return tuple(sorted(found - {name}))


def _candidates(name: str) -> Iterator[str]:
    """Modules of the same top-level package that a module's import statements may refer to."""
    facts, top = _facts(name), name.split(".")[0]
    yield from (module for module in facts.modules if module.split(".")[0] == top)
    for taken in facts.names:
        if (base := _base(name, taken)).split(".")[0] == top:
            module = f"{base}.{taken.name}"
            if not _source(module):
                yield _definer(base, taken.name)
            elif taken.attributes:
                # `from pipeline import config` and then only `config.SCALE`.
                yield from (_definer(module, attribute) for attribute in taken.attributes)
            else:
                yield module


def _base(name: str, taken: Name) -> str:
    """The module that a from-import names; relative imports are resolved."""
    base = taken.module
    if taken.level:
        source = _source(name)
        assert source is not None  # what it imports was read there
        is_package = source.name == "__init__.py"
        parents = name.split(".")[: len(name.split(".")) - taken.level + is_package]
        base = ".".join([*parents, base] if base else parents)
    return base


def _definer(module: str, name: str) -> str:
    """The module that defines a name: ``module`` itself, or the one that it imports the name from."""
    path = _source(module)
    if path is not None and path.name == "__init__.py":
        if _source(f"{module}.{name}"):
            return f"{module}.{name}"
        for taken in _facts(module).passed:
            if taken.bound == name:
                return _definer(_base(module, taken), taken.name)
    return module
