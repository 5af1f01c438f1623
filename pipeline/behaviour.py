"""The part of a module's syntax tree that can change a result: the code without its texts.

Texts for people are left out: docstrings, messages of errors, warnings and progress bars, descriptions of
configuration keys. So are the declarations and checks of keys (pydantic's fields and validators), because
their values reach a stage through the params of its rule.
"""

from __future__ import annotations

import ast
from collections import Counter

MESSAGES = {"critical", "debug", "error", "exception", "info", "print", "say", "warn", "warning"}
"""Functions and methods that print or log, where their result is not used."""

PROGRESS = {"tqdm", "trange"}
PROGRESS_WORDS = {"desc", "disable", "leave", "maxinterval", "mininterval", "postfix", "unit", "unit_scale"}
"""Progress bars, and those of their arguments that only change the display."""

FIELD_WORDS = {"description", "title", "examples"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def behaviour(source: str, package: str = "", filename: str = "<source>") -> ast.Module:
    """The syntax tree of a module without texts, declared keys, and code that only serves them.

    Args:
        source: Python source.
        package: the top-level package of the module. Names imported from it are kept even if unused, because
            another module may import them from here.
        filename: shown in a SyntaxError.

    Raises:
        SyntaxError: the source is not valid Python.
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
    """Blank texts that no computation uses. ``wording`` names the module's functions that return text."""

    def __init__(self, wording: set[str]) -> None:
        self.wording = wording

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Drop docstrings, also those of attributes; blank the text of calls that print or log."""
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        if isinstance(node.value, ast.Call) and _called(node.value) in MESSAGES:
            return _Blank().visit(node)
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        """Keep an error's type and numbers, drop its text."""
        if isinstance(node.exc, ast.Call):
            node.exc.args = [_blank() if self._is_text(arg) else arg for arg in node.exc.args]
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        node.msg = None
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Drop the displayed arguments of a progress bar or a key's declaration."""
        words = (
            PROGRESS_WORDS if _called(node) in PROGRESS else FIELD_WORDS if _called(node) == "Field" else ()
        )
        node.keywords = [keyword for keyword in node.keywords if keyword.arg not in words]
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Drop validators, and fields declared with pydantic's Field."""
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
    """Replace every string below a node by an empty one."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return _blank() if isinstance(node.value, str) else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return _blank()


def _blank() -> ast.Constant:
    return ast.Constant("")


def _called(node: ast.Call) -> str:
    """Last part of a called name: "info" for ``logger.info(...)``."""
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
    """Private functions that the remaining code of the module never names: they only made messages."""
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
    """Whether an import from outside the package serves texts alone; keeps the used names in ``node``."""
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
