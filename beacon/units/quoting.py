"""How values are written so that Quadlet, systemd and Podman together read back exactly the same bytes.

Quadlet reads every key with one of five parsers (podman-systemd.unit(5), pkg/systemd/parser of Podman) and
escapes nothing for systemd, which then expands ``%`` and ``$`` in the command line that comes out. So both
are doubled everywhere, and the rest is up to the parser of the key.
"""

from __future__ import annotations

import json
import re
from enum import Enum

from beacon.model.machine import EngineVersion

STRIPS_ANY_QUOTE = EngineVersion(5, 0)
"""From here on one-value keys lose a ``"`` at either end, from 5.8.2 only a matched pair (podman#28409)."""

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "%": "%%", "$": "$$"}
_ESCAPES |= {chr(code): f"\\x{code:02x}" for code in (*range(1, 32), 127) if chr(code) not in _ESCAPES}
_ENCODING = str.maketrans(_ESCAPES)
_RAW_ENCODING = str.maketrans({"%": "%%", "$": "$$"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./$-]+")
_SIMPLE = re.compile(r"[A-Za-z0-9_@+=:,./-]+")
"""The same for every parser: most values, and the quick way out for them."""


class Parser(Enum):
    """How Quadlet reads the values of a key."""

    KEYVAL = "keyval"
    """Split at white space, quotes removed, C escapes decoded, split at the first ``=``."""
    ARGS = "args"
    """Split at white space, quotes removed, C escapes decoded; passed on as arguments."""
    STRV = "strv"
    """Split at white space, quotes removed, escapes left alone."""
    ALL = "all"
    """Every line is one value, as it stands."""
    ONE = "one"
    """The last line is the value, as it stands but for quotes at its ends."""


class InexpressibleError(ValueError):
    """A value that a key of a unit file cannot hold; *reason* says what in it is the obstacle."""

    def __init__(self, key: str, value: str, reason: str) -> None:
        super().__init__(f"{key} cannot hold {value!r}: {reason}")
        self.key = key
        self.value = value
        self.reason = reason


def encode(key: str, value: str) -> str:
    """Return *value* escaped for the inside of a double-quoted word; anything but NUL can be written."""
    if "\0" in value:
        raise InexpressibleError(key, value, "a NUL character")
    return value.translate(_ENCODING)


def as_json(words: tuple[str, ...]) -> str:
    """Return *words* as a JSON array on one line, without control characters."""
    return json.dumps(words, ensure_ascii=False, separators=(",", ":")).replace("\x7f", "\\u007f")


def encode_argument(key: str, word: str) -> str:
    """Return *word* as one argument of an ``ExecStart=:``, where systemd expands ``%`` but not ``$``.

    In quotes an argument may be empty, and a ``;`` does not end the command (systemd.service(5)).
    """
    if _SIMPLE.fullmatch(word):
        return word
    encoded = encode(key, word).replace("$$", "$")
    return encoded if word != ";" and _PLAIN.fullmatch(encoded) else f'"{encoded}"'


def encode_word(key: str, word: str) -> str:
    """Return *word* as one argument in a line of arguments.

    systemd would take ``;`` for the end of the command, and Quadlet stops at an empty argument.
    """
    if not word:
        raise InexpressibleError(key, word, "an empty argument")
    if word == ";":
        raise InexpressibleError(key, word, "an argument that is exactly ;")
    return _quoted(key, word)


def encode_pair(key: str, name: str, value: str) -> str:
    """Return ``name=value`` as one word."""
    return _quoted(key, f"{name}={value}")


def encode_raw(key: str, value: str) -> str:
    """Return *value* for a key whose whole line counts as it stands."""
    if _SIMPLE.fullmatch(value):
        return value
    reason = _raw_obstacle(value)
    if value == ";":
        reason = "a value that is exactly ;"
    if reason is not None:
        raise InexpressibleError(key, value, reason)
    return value.translate(_RAW_ENCODING)


def encode_directive(parser: Parser, key: str, value: str, version: EngineVersion) -> str:
    """Return *value*, one value of *key*, as the line for Podman *version* holds it."""
    if _SIMPLE.fullmatch(value):
        return value
    match parser:
        case Parser.ARGS | Parser.KEYVAL:
            return encode_word(key, value)
        case Parser.STRV:
            if '"' in value:
                raise InexpressibleError(key, value, 'a " character')
            raw = encode_raw(key, value)
            return raw if _PLAIN.fullmatch(raw) else f'"{raw}"'
        case Parser.ALL:
            return encode_raw(key, value)
        case Parser.ONE:
            if version >= STRIPS_ANY_QUOTE and (value.startswith('"') or value.endswith('"')):
                raise InexpressibleError(key, value, 'a " at its beginning or end')
            return encode_raw(key, value)


def encode_setting(key: str, value: str) -> str:
    """Return *value* for a key that systemd itself reads as one text, expanding specifiers (Description=)."""
    reason = _raw_obstacle(value)
    if reason is not None:
        raise InexpressibleError(key, value, reason)
    return value.replace("%", "%%")


def encode_setting_word(value: str) -> str:
    """Return *value*, which has no NUL, for a quoted word of a key that systemd reads (Environment=)."""
    return value.translate(_ENCODING).replace("$$", "$")


def encode_path_setting(key: str, path: str) -> str:
    """Return *path* as one word for a key that systemd reads as a list of paths (RequiresMountsFor=)."""
    if _CONTROL.search(path):
        raise InexpressibleError(key, path, "a control character")
    escaped = path.replace("%", "%%")
    if _PLAIN.fullmatch(escaped):
        return escaped
    escaped = escaped.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _quoted(key: str, word: str) -> str:
    if _SIMPLE.fullmatch(word):
        return word
    encoded = encode(key, word)
    return encoded if _PLAIN.fullmatch(encoded) else f'"{encoded}"'


def _raw_obstacle(value: str) -> str | None:
    """Return why *value* cannot be the whole rest of a line, or None."""
    if not value:
        return "an empty value"
    if "\n" in value or "\r" in value:
        return "a newline"
    if _CONTROL.search(value):
        return "a control character"
    if value != value.strip():
        return "white space at its beginning or end"
    if value.endswith("\\"):
        return "a trailing backslash"
    return None
