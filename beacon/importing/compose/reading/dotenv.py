"""Files of variables: as compose reads them, and as engines do."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping

from beacon.importing.compose.reading.interpolate import expand

_SPACE = "\t\v\f\r \x85\xa0"
_EXPORT = re.compile(r"export\s+")
_NAME_SIGNS = "_.-[]"
_ESCAPE = re.compile(r'\\(?:[abfnrtv$"\\]|0[0-7]{0,3})')
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "$": "$$"}


def parse_env(text: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of *text* by compose's rules: quotes, comments, and ``${NAME}``.

    *environment* goes before the file where one variable refers to another. Raises ValueError with the line.
    """
    found: dict[str, str] = {}
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    position = _statement(text, 0)
    while position < len(text):
        number = text.count("\n", 0, position) + 1
        name, sign, position = _name(text, position, number)
        if sign:
            value, position = _value(text, position, ChainMap(dict(environment), found), number)
            found[name] = value
        elif name in environment:
            found[name] = environment[name]
        position = _statement(text, position)
    found.pop("", None)  # compose has a variable without a name, which no container can have
    return found


def parse_plain_env(text: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of *text* as ``podman run --env-file`` reads it: nothing is unquoted."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        stripped = line.lstrip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.partition("=")
        if equals:
            found[name] = value
        elif name in environment:
            found[name] = environment[name]
    return found


def _statement(text: str, position: int) -> int:
    """Return where the next statement begins: behind spaces, empty lines and comments."""
    while position < len(text):
        if text[position] == "#":
            position = _line_end(text, position)
        elif not text[position].isspace():
            break
        else:
            position += 1
    return position


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def _name(text: str, position: int, number: int) -> tuple[str, str, int]:
    """Return the name at *position*, the sign behind it ("" for none), and where its value begins."""
    exported = _EXPORT.match(text, position)
    start = exported.end() if exported else position
    end = start
    while end < len(text) and text[end] not in "=:\n":
        if not (text[end].isalnum() or text[end] in _NAME_SIGNS or text[end] in _SPACE):
            raise ValueError(f"line {number} must be NAME=VALUE")
        end += 1
    name = text[start:end].strip()
    if any(space in name for space in _SPACE):
        if end < len(text):
            raise ValueError(f"line {number} must be NAME=VALUE")
        name = ""  # the last words of a file that does not end its line
    sign = text[end : end + 1].strip()
    end += 1
    while sign and text[end : end + 1] and text[end] in _SPACE:
        end += 1
    return name, sign, end


def _value(text: str, start: int, variables: Mapping[str, str], number: int) -> tuple[str, int]:
    """Return the value that begins at *start*, and where it ends."""
    quote = text[start : start + 1]
    if quote not in {'"', "'"}:
        end = _line_end(text, start)
        return _expanded(text[start:end].partition(" #")[0].rstrip(), variables, number), end
    parts: list[str] = []
    position = start + 1
    while position < len(text) and text[position] != quote:
        if text[position] == "\\" and position + 1 < len(text):
            following = text[position + 1]
            parts.append(following if following == quote else f"\\{following}")
            position += 1
        else:
            parts.append(text[position])
        position += 1
    if position >= len(text):
        raise ValueError(f"line {number} must close its quotes")
    raw = "".join(parts)
    value = raw if quote == "'" else _expanded(_ESCAPE.sub(_unescaped, raw), variables, number)
    return value, position + 1


def _unescaped(match: re.Match[str]) -> str:
    escaped = match[0][1:]
    if escaped[0] == "0":
        number = int(escaped[1:], 8) if len(escaped) == _OCTAL else None
        return match[0] if number is None or number > _LAST_BYTE else chr(number)
    return _ESCAPES.get(escaped, escaped)


_OCTAL, _LAST_BYTE = 4, 255


def _expanded(raw: str, variables: Mapping[str, str], number: int) -> str:
    try:
        return expand(raw, variables, lambda _: None)
    except ValueError as fault:
        raise ValueError(f"line {number} has a variable that cannot be understood: {fault}") from None
