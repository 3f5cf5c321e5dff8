"""Files of variables: as compose reads them, and as engines do."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping

from beacon.importing.compose.interpolate import expand

_LINE = re.compile(
    r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)\s*(?:(?P<sign>[=:])[ \t]*|$)", re.MULTILINE
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def parse_env(text: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of *text* by compose's rules: quotes, comments, and ``${NAME}``.

    *environment* goes before the file where one variable refers to another. Raises ValueError with the line.
    """
    found: dict[str, str] = {}
    position = 0
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    while position < len(text):
        end = _line_end(text, position)
        line = text[position:end]
        if not line.strip() or line.lstrip().startswith("#"):
            position = end + 1
            continue
        start = position + len(line) - len(line.lstrip())
        match = _LINE.match(text, start)
        number = text.count("\n", 0, start) + 1
        if match is None or match.end() > end + 1:
            raise ValueError(f"line {number} must be NAME=VALUE")
        if match["sign"] is None:
            if match["name"] in environment:
                found[match["name"]] = environment[match["name"]]
            position = end + 1
            continue
        value, position = _value(text, min(match.end(), end), ChainMap(dict(environment), found), number)
        found[match["name"]] = value
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


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def _value(text: str, start: int, variables: Mapping[str, str], number: int) -> tuple[str, int]:
    """Return the value that begins at *start*, and where the next line begins."""
    quote = text[start : start + 1]
    if quote in {'"', "'"}:
        end = start + 1
        while end < len(text) and text[end] != quote:
            end += 2 if text[end] == "\\" and quote == '"' else 1
        if end >= len(text):
            raise ValueError(f"line {number} must close its quotes")
        raw = text[start + 1 : end]
        following = _line_end(text, end) + 1
        return (raw if quote == "'" else _expanded(_unescaped(raw), variables, number)), following
    end = _line_end(text, start)
    raw = re.split(r"(?:^|\s)#", text[start:end], maxsplit=1)[0].strip()
    return _expanded(raw, variables, number), end + 1


def _unescaped(raw: str) -> str:
    return _ESCAPE.sub(lambda match: "$$" if match[1] == "$" else _ESCAPES.get(match[1], match[1]), raw)


def _expanded(raw: str, variables: Mapping[str, str], number: int) -> str:
    try:
        return expand(raw, variables, lambda _: None)
    except ValueError:
        if "$" in raw and "${" not in raw:
            return raw  # a password with a dollar at its end
        raise ValueError(f"line {number} has a variable that cannot be understood") from None
