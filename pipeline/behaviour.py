"""The part of a module's syntax that can change a result: code without its words.

What people read is left out: docstrings, messages of errors, warnings and progress bars, descriptions of
configuration keys. So are the declarations and checks of keys (pydantic's fields and validators): their
values reach a stage through the params of its rule.
"""

from __future__ import annotations

import ast
from collections import Counter

MESSAGES = {"critical", "debug", "error", "exception", "info", "print", "say", "warn", "warning"}
"""Functions and methods that speak to people, where their result is not used."""

PROGRESS = {"tqdm", "trange"}
PROGRESS_WORDS = {"desc", "disable", "leave", "maxinterval", "mininterval", "postfix", "unit", "unit_scale"}
"""Progress bars, and their arguments that change nothing but what is shown."""

FIELD_WORDS = {"description", "title", "examples"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def behaviour(source: str, package: str = "", filename: str = "<source>") -> ast.Module:
    """The syntax tree of a module without words, declared keys, and what only served them.

    Args:
        source: Python source.
        package: the top-level package that the module lies in. Names that it imports from there stay, used or
            not: another module may take them from it.
        filename: shown where the source is no Python.

    Raises:
        SyntaxError: the source is no Python.
    """
    tree = ast.parse(source, filename=filename)
    wording = {
        node.name
        for node in tree.body
        if isinstance(node, Function) and isinstance(node.returns, ast.Name) and node.returns.id == "str"
    }
    tree = _WithoutWords(wording).visit(tree)
    while unused := _unused_functions(tree):
        tree.body = [node for node in tree.body if node not in unused]
    used = set(_names(tree))
    tree.body = [node for node in tree.body if not _is_unused_import(node, package, used)]
    return tree


class _WithoutWords(ast.NodeTransformer):
    """Blanks text that nothing computes with. ``wording`` names the module's functions that return text."""

    def __init__(self, wording: set[str]) -> None:
        self.wording = wording

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Drop docstrings, of attributes too; blank the text of calls that speak to people."""
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        if isinstance(node.value, ast.Call) and _called(node.value) in MESSAGES:
            return _Blank().visit(node)
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        """Keep an error's type and numbers, without its words."""
        if isinstance(node.exc, ast.Call):
            node.exc.args = [_blank() if self._is_text(arg) else arg for arg in node.exc.args]
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        node.msg = None
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Drop what a progress bar or a key's declaration shows."""
        words = (
            PROGRESS_WORDS if _called(node) in PROGRESS else FIELD_WORDS if _called(node) == "Field" else ()
        )
        node.keywords = [keyword for keyword in node.keywords if keyword.arg not in words]
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Drop fields that pydantic's Field declares, and validators."""
        node.body = [item for item in node.body if not _is_declaration(item)]
        self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        return node

    def visit_FunctionDef(self, node: Function) -> ast.AST:
        self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def _is_text(self, node: ast.expr) -> bool:
        match node:
            case ast.JoinedStr() | ast.Constant(value=str()):
                return True
            case ast.BinOp(left=left, right=right):
                return self._is_text(left) or self._is_text(right)
            case ast.IfExp(body=body, orelse=other):
                return self._is_text(body) and self._is_text(other)
            case ast.Call(func=ast.Attribute(value=text)):  # such as ", ".join(names)
                return self._is_text(text)
            case ast.Call(func=ast.Name(id=name)):
                return name in self.wording
        return False


class _Blank(ast.NodeTransformer):
    """Empties every text below a node."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return _blank() if isinstance(node.value, str) else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return _blank()


def _blank() -> ast.Constant:
    return ast.Constant("")


def _called(node: ast.Call) -> str:
    """Last part of a call's name: "info" of ``logger.info(...)``."""
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _is_declaration(node: ast.stmt) -> bool:
    match node:
        case ast.AnnAssign(value=ast.Call() as call):
            return _called(call) == "Field"
        case ast.FunctionDef(decorator_list=decorators):
            names = [_called(d) if isinstance(d, ast.Call) else getattr(d, "id", "") for d in decorators]
            return any(name in ("field_validator", "model_validator") for name in names)
    return False


def _unused_functions(tree: ast.Module) -> list[ast.stmt]:
    """Private functions that no other code of the module names: they only served messages."""
    named = Counter(_names(tree))
    return [
        node
        for node in tree.body
        if isinstance(node, Function)
        and node.name.startswith("_")
        and not node.decorator_list
        and named[node.name] == Counter(_names(node))[node.name]
    ]


def _is_unused_import(node: ast.stmt, package: str, used: set[str]) -> bool:
    """Whether a module imports names from elsewhere for words alone; leaves the used ones in ``node``."""
    if (
        not isinstance(node, ast.ImportFrom)
        or node.level
        or node.module is None
        or node.module.split(".")[0] in (package, "__future__")
    ):
        return False
    node.names = [alias for alias in node.names if alias.name == "*" or (alias.asname or alias.name) in used]
    return not node.names


def _names(tree: ast.AST) -> list[str]:
    return [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
