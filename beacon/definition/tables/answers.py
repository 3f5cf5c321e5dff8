"""The kinds of options: what answers each takes, from words or from a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

from beacon.definition.endpoints.domains import domain_name
from beacon.definition.grammar import quantities, strings
from beacon.definition.grammar.strings import shown
from beacon.model.parts.calendar import Calendar

OPTION_NAME: Final = "[a-z][a-z0-9_]{0,39}"
Value = str | int | float | bool | tuple[str, ...]
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_URL = re.compile(r"https?://[^\s/]+\S*")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_LIBRARY = re.compile(r"[a-z][a-z0-9-]{0,39}|/.*")
_YES, _NO = {"yes", "true", "on", "1"}, {"no", "false", "off", "0"}
_SYSTEM_FOLDERS = ("/bin", "/boot", "/dev", "/etc", "/lib", "/proc", "/run", "/sbin", "/sys", "/usr", "/var")


class Generator(StrEnum):
    """What secrets are made of."""

    ALNUM = "alnum"
    HEX = "hex"
    BASE64 = "base64"
    WORDS = "words"


def _string(value: object) -> str:
    return strings.line(str(value) if isinstance(value, int | float) else value)


def _text(value: object) -> str:
    return strings.text(value)


def _integer(value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,18}", value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"must be a whole number, not {shown(value)}")


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"must be a number, not {shown(value)}")  # noqa: TRY004
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"must be a number, not {shown(value)}") from None


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    if word in _YES | _NO:
        return word in _YES
    raise ValueError(f"must be yes or no, not {shown(value)}")


def _listed(value: object) -> tuple[str, ...]:
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        raise ValueError(f"must be a list, or words with commas, not {shown(value)}")  # noqa: TRY004
    return tuple(_string(item).strip() for item in items if str(item).strip())


def _matching(expression: re.Pattern[str], what: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or not expression.fullmatch(value):
            raise ValueError(f"must be {what}, not {shown(value)}")
        return value

    return read


def _domain(value: object) -> str:
    return domain_name(value)


def _port(value: object) -> int:
    number = _integer(value)
    if not 1 <= number <= _LAST_PORT:
        raise ValueError(f"must be from 1 to {_LAST_PORT}, not {number}")
    return number


_LAST_PORT = 65535


def _path(value: object) -> str:
    path = strings.absolute_path(value)
    if path == "/" or any(path == one or path.startswith(f"{one}/") for one in _SYSTEM_FOLDERS):
        raise ValueError(f"must not be a folder of the system, as {path} is")
    return path


def _library(value: object) -> str:
    name = _matching(_LIBRARY, "the name of a library such as downloads, or a path")(value)
    return _path(name) if name.startswith("/") else name


def _size(value: object) -> str:
    quantities.size(value)
    return str(value)


def _duration(value: object) -> str:
    quantities.duration(value)
    return str(value)


def _schedule(value: object) -> str:
    return Calendar.parse(strings.line(value)).text


def _note(value: object) -> str:
    raise ValueError(f"takes no answer: it is there to be read, and not {shown(value)}")


def measured(kind: str, answer: Value) -> float:
    """Return what of an answer is bounded: bytes, seconds, the number, or else how long it is."""
    if kind in AMOUNTS:
        return AMOUNTS[kind](answer)
    return answer if isinstance(answer, int | float) else len(answer)


def bound(kind: str, value: float | str) -> float:
    """Return a bound of answers of a *kind*. Raises ValueError if they have no such bound."""
    if kind in AMOUNTS:
        return AMOUNTS[kind](value)
    if kind in {"boolean", "choice", "schedule", "note"}:
        raise ValueError(f"must not be given: a {kind} has no bounds")
    return _number(value)


AMOUNTS: Final[Mapping[str, Callable[[object], float]]] = {
    "size": quantities.size,
    "duration": quantities.duration,
}
"""Types whose answers are bounded by what their words say, and not by how long they are."""

KINDS: Final[Mapping[str, Callable[[object], Value]]] = {
    "string": _string,
    "text": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "choice": _string,
    "list": _listed,
    "secret": _text,
    "email": _matching(_EMAIL, "an address such as me@example.org"),
    "url": _matching(_URL, "an address such as https://example.org"),
    "domain": _domain,
    "port": _port,
    "path": _path,
    "library": _library,
    "size": _size,
    "duration": _duration,
    "schedule": _schedule,
    "note": _note,
    "timezone": _matching(_ZONE, "a time zone such as Europe/Berlin"),
    "user": _matching(_USER, "the name of a user"),
}
"""The types of options, each with what reads an answer."""
