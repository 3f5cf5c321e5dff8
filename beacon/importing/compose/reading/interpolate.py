"""Variables in the values of a compose file: ``${NAME:-default}`` and its kin."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from beacon.definition.grammar.strings import key_path
from beacon.formats.node import Node
from beacon.importing.node import Log

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATORS = (":-", ":?", ":+", "-", "?", "+")


class _BadVariableError(ValueError):
    """A ``${`` that is no variable, or a variable that must be set and is not."""


def expand(text: str, variables: Mapping[str, str], unset: Callable[[str], None]) -> str:
    """Return *text* with its variables replaced; *unset* hears of each that has no value and no default.

    A ``$`` that begins no variable is itself. Raises ValueError for ``${`` that cannot be understood, and
    where ``${NAME:?why}`` is not set.
    """
    result, end = _expand(text, 0, variables, unset, closing=False)
    return result if end == len(text) else result + text[end:]


def interpolate(node: Node, variables: Mapping[str, str], log: Log, *path: str | int) -> Node:
    """Return *node* with the variables of all its strings replaced."""
    match node.value:
        case str() if "$" in node.value:

            def unset(name: str) -> None:
                log.unset(node.place, name)

            try:
                return node.with_value(expand(node.value, variables, unset))
            except ValueError as fault:
                log.fault(node.place, key_path(*path), str(fault))
                log.spoil(node.place)
                return node.with_value("")
        case dict() as fields:
            return node.with_value(
                {
                    key: item if key.startswith("x-") else interpolate(item, variables, log, *path, key)
                    for key, item in fields.items()
                }
            )
        case list() as items:
            return node.with_value(
                [interpolate(item, variables, log, *path, index) for index, item in enumerate(items)]
            )
        case _:
            return node


def _expand(
    text: str, start: int, variables: Mapping[str, str], unset: Callable[[str], None], *, closing: bool
) -> tuple[str, int]:
    """Return what *text* becomes from *start* to its end (or to the brace that closes), and where that is."""
    parts: list[str] = []
    position = start
    while position < len(text):
        character = text[position]
        if closing and character == "}":
            return "".join(parts), position
        if character != "$":
            parts.append(character)
            position += 1
        elif text[position + 1 : position + 2] == "$":
            parts.append("$")
            position += 2
        elif text[position + 1 : position + 2] == "{":
            value, position = _braced(text, position + 2, variables, unset)
            parts.append(value)
        elif match := _NAME.match(text, position + 1):
            parts.append(_value(match[0], variables, unset))
            position = match.end()
        else:
            parts.append(character)
            position += 1
    if closing:
        raise _BadVariableError("must close the braces of its variables")
    return "".join(parts), position


def _braced(
    text: str, start: int, variables: Mapping[str, str], unset: Callable[[str], None]
) -> tuple[str, int]:
    match = _NAME.match(text, start)
    if match is None:
        raise _BadVariableError("must name a variable as in '${NAME}'")
    name, position = match[0], match.end()
    if text[position : position + 1] == "}":
        return _value(name, variables, unset), position + 1
    operator = next((one for one in _OPERATORS if text.startswith(one, position)), None)
    if operator is None:
        raise _BadVariableError(f"must be a variable such as '${{{name}:-default}}'")
    wanted = _chosen(name, operator, variables)
    word, end = _expand(text, position + len(operator), variables, unset if wanted else _nobody, closing=True)
    return _applied(name, operator, word, variables), end + 1


def _chosen(name: str, operator: str, variables: Mapping[str, str]) -> bool:
    """Say whether the word behind *operator* is what counts."""
    given = bool(variables.get(name)) if operator.startswith(":") else name in variables
    return given if operator.endswith("+") else not given


def _applied(name: str, operator: str, word: str, variables: Mapping[str, str]) -> str:
    counts = _chosen(name, operator, variables)
    if operator.endswith("?") and counts:
        raise _BadVariableError(f"needs the variable {name}: {word or 'it is not set'}")
    if operator.endswith("+"):
        return word if counts else ""
    return word if counts else variables[name]


def _value(name: str, variables: Mapping[str, str], unset: Callable[[str], None]) -> str:
    if name not in variables:
        unset(name)
    return variables.get(name, "")


def _nobody(name: str) -> None:
    """Nobody needs to know of variables in a word that does not count."""
