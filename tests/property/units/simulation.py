"""What Quadlet and systemd make of a line, by their rules, to check what Beacon writes against.

Quadlet: pkg/systemd/parser of Podman (split.go, unitfile.go). systemd: systemd.service(5), COMMAND LINES,
systemd.unit(5), SPECIFIERS.
"""

from __future__ import annotations

import re

from beacon.model.machine import EngineVersion
from beacon.units.quoting import Parser

_WHITE = " \t\n\r"
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "s": " "}
_SIMPLE |= {"\\": "\\", '"': '"', "'": "'"}


def split(line: str, *, unescape: bool) -> list[str]:
    """Split a line as extract_first_word() does with quotes removed; an empty word ends it, as in Quadlet."""
    words: list[str] = []
    position = 0
    while position < len(line):
        while position < len(line) and line[position] in _WHITE:
            position += 1
        if position == len(line):
            break
        word, position = _word(line, position, unescape=unescape)
        words.append(word)
    return words


def _word(line: str, position: int, *, unescape: bool) -> tuple[str, int]:
    word, quote = "", ""
    while position < len(line):
        character = line[position]
        if character == "\\" and unescape:
            decoded, position = _escape(line, position + 1)
            word += decoded
            continue
        position += 1
        if quote:
            quote, word = ("", word) if character == quote else (quote, word + character)
        elif character in "'\"":
            quote = character
        elif character in _WHITE:
            break
        else:
            word += character
    assert not quote, f"unbalanced quotes in {line!r}"
    return word, position


def _escape(line: str, position: int) -> tuple[str, int]:
    character = line[position]
    if character == "x":
        return chr(int(line[position + 1 : position + 3], 16)), position + 3
    return _SIMPLE[character], position + 1


def quadlet(parser: Parser, values: list[str], version: EngineVersion) -> list[str]:
    """Return the arguments that Quadlet makes of the lines of one key."""
    if any("\n" in value or value.endswith("\\") for value in values):
        raise AssertionError(f"not one line: {values!r}")
    lines = [value.strip(" \t\r") for value in values]
    match parser:
        case Parser.ARGS | Parser.KEYVAL:
            words = [word for line in lines for word in split(line, unescape=True)]
            assert all(words), "Quadlet stops at an empty argument"
            return words
        case Parser.STRV:
            return [word for line in lines for word in split(line, unescape=False)]
        case Parser.ALL:
            return lines
        case Parser.ONE:
            return [_unquoted(lines[-1], version)]


def _unquoted(value: str, version: EngineVersion) -> str:
    if version < EngineVersion(5, 0):
        return value
    if version < EngineVersion(5, 8, 2):
        return value.strip('"')
    matched = len(value) > 1 and value[0] == value[-1] == '"'
    return value[1:-1] if matched else value


def exec_line(arguments: list[str]) -> str:
    """Return the arguments as Quadlet writes them behind ExecStart=."""
    return " ".join(_quoted(argument) for argument in arguments)


def _quoted(word: str) -> str:
    if word and not re.search(r"[\x00-\x20\x7f\"'\\]", word):
        return word
    escaped = ""
    for character in word:
        if character in '\\"':
            escaped += f"\\{character}"
        elif ord(character) < 0x20 or ord(character) == 0x7F:
            escaped += f"\\x{ord(character):02x}"
        else:
            escaped += character
    return f'"{escaped}"'


def systemd(line: str) -> list[str]:
    """Return the arguments that systemd starts the program with."""
    words = split(line, unescape=True)
    assert ";" not in words, "systemd takes ; for the end of the command"
    return [_variables(_specifiers(word)) for word in words]


def _specifiers(word: str) -> str:
    assert not re.search(r"%[^%]", word.replace("%%", "")), f"a specifier in {word!r}"
    return word.replace("%%", "%")


def _variables(word: str) -> str:
    assert not re.fullmatch(r"\$[A-Za-z_][A-Za-z0-9_]*", word), f"a variable: {word!r}"
    assert "${" not in word.replace("$$", ""), f"a variable in {word!r}"
    return word.replace("$$", "$")
