"""The code of Beacon as data: who imports whom, and how large things are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from msgspec import Struct

ROOT = Path(__file__).parents[1]


class Import(Struct, frozen=True, order=True):
    """One import statement: *lazy* inside a function, *typing* under TYPE_CHECKING."""

    module: str
    imported: str
    line: int
    lazy: bool
    typing: bool


class Function(Struct, frozen=True, order=True):
    """One function, and how many lines it has."""

    module: str
    name: str
    lines: int


@cache
def modules() -> dict[str, Path]:
    """Return the name and the file of every module of Beacon."""
    found = {}
    for path in sorted((ROOT / "beacon").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


@cache
def tree(module: str) -> ast.Module:
    """Return the parsed source of a module."""
    return ast.parse(modules()[module].read_text())


@cache
def imports() -> tuple[Import, ...]:
    """Return every import statement of Beacon, of its own modules by their full names."""
    return tuple(
        one for module in modules() for one in _imports(module, tree(module), lazy=False, typing=False)
    )


def _imports(module: str, node: ast.AST, *, lazy: bool, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        inside = lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        checked = typing or (
            isinstance(child, ast.If)
            and isinstance(child.test, ast.Name)
            and child.test.id == "TYPE_CHECKING"
        )
        for name in _imported(child):
            yield Import(module, name, getattr(child, "lineno", 0), inside, checked)
        yield from _imports(module, child, lazy=inside, typing=checked)


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            yield inner if inner in modules() else node.module


def package_of(module: str) -> str:
    """Return the package that a module lies in; a package lies in itself."""
    return module if modules()[module].name == "__init__.py" else module.rpartition(".")[0]


@cache
def functions() -> tuple[Function, ...]:
    """Return every function of Beacon; what is inside of another one counts for both."""
    return tuple(
        Function(module, node.name, (node.end_lineno or node.lineno) - node.lineno + 1)
        for module in modules()
        for node in ast.walk(tree(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of names that can reach each other (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(edges.get(name, ())):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            cut = stack.index(name)
            group = stack[cut:]
            del stack[cut:]
            if len(group) > 1 or name in edges.get(name, ()):
                found.append(sorted(group))

    for name in sorted(edges):
        if name not in index:
            visit(name)
    return found
