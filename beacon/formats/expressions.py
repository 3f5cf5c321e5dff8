"""Expressions and templates of manifests: of Jinja, in its sandbox, over a few names (never eval)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import cast

from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

_ROOTS = frozenset({"option", "secret", "service", "machine", "instance"})
_ALONE = re.compile(r"\{\{\s*option\.([a-z][a-z0-9_]*)\s*\}\}")
_ALLOWED = (
    nodes.Name, nodes.Getattr, nodes.Const, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not,
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Filter, nodes.CondExpr, nodes.Concat, nodes.If,
    nodes.List, nodes.Tuple, nodes.Neg,
)  # fmt: skip
_FILTERS = frozenset({"lower", "upper", "join", "default", "replace", "trim", "length"})


def filled(value: object, names: Mapping[str, object]) -> object:
    """Return *value* with all its texts filled in; one that is an option alone is that option's value."""
    if isinstance(value, str):
        alone = _ALONE.fullmatch(value)
        if alone is not None:
            return _option(names, alone[1])
        return _environment().from_string(value).render(names) if "{" in value else value
    if isinstance(value, Mapping):
        return {key: filled(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, names) for inner in value]
    return value


def holds(expression: str, names: Mapping[str, object]) -> bool:
    """Say whether *expression* is true; an empty one is."""
    if not expression:
        return True
    return bool(_environment().compile_expression(expression, undefined_to_none=False)(**names))


def names_in(expression: str) -> frozenset[str] | str:
    """Return the options that an expression names, or what is wrong with it."""
    return names_in_text(f"{{{{ {expression} }}}}") if expression else frozenset()


def names_in_text(text: str) -> frozenset[str] | str:
    """Return the options that a template names, or what is wrong with it."""
    if "{" not in text:
        return frozenset()
    try:
        tree = _environment().parse(text)
    except TemplateError as error:
        return f"cannot be understood: {error.message}"
    found: set[str] = set()
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, _ALLOWED):
            return f"must not use {type(node).__name__.lower()}: names, comparisons, and, or, not and if do"
        if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
            return f"there is no filter {node.name!r}; there are {', '.join(sorted(_FILTERS))}"
        if isinstance(node, nodes.Name) and node.name not in _ROOTS:
            return f"there is no {node.name!r}; there are {', '.join(sorted(_ROOTS))}"
        if (
            isinstance(node, nodes.Getattr)
            and isinstance(node.node, nodes.Name)
            and node.node.name in {"option", "secret"}
        ):
            found.add(node.attr)
    return frozenset(found)


def _option(names: Mapping[str, object], name: str) -> object:
    value = cast("Mapping[str, object]", names["option"])[name]
    return list(value) if isinstance(value, tuple) else value


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=False,  # not HTML: definitions and files
        keep_trailing_newline=True,
        finalize=lambda value: "" if value is None else value,
    )
