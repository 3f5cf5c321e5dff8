"""What an app is, read without the rest of its manifest: lists of hundreds are shown at once."""

from __future__ import annotations

import json
import re
from typing import Any

from msgspec import Struct

from beacon.formats.tomltext import read_toml

_REST = re.compile(r"^\[(?!app[\].])", re.MULTILINE)
"""Where the tables about the app end, if they come first."""
_TEXT = r'"[^"\\\x00-\x1f\x7f]*"'
_VALUE = rf"{_TEXT}|[1-9][0-9]{{0,8}}|true|false|\[(?:{_TEXT}(?:, {_TEXT})*)?\]"
_LINE = re.compile(
    rf"(?P<key>[a-z]+|links\.[a-z]+) = (?P<value>{_VALUE})"
    r"|(?P<table>\[app\])|(?P<inner>\[app\.[a-z]+\])|(?:#[^\x00-\x08\x0a-\x1f\x7f]*)?"
)
"""What nearly all lines look like; where all do, TOML and JSON write values alike."""


class Summary(Struct, frozen=True):
    """An app, in a few words."""

    id: str
    name: str
    version: str
    revision: int
    summary: str
    categories: tuple[str, ...]


def read_summary(text: str) -> Summary:
    """Return what a manifest says of its app. Raises ValueError if it does not say enough, or is no TOML."""
    text = text.removeprefix("\ufeff")
    head = _REST.split(text, maxsplit=1)[0]
    app = _plain(head) or read_toml(head).get("app") or read_toml(text).get("app")
    if not isinstance(app, dict):
        raise ValueError("it has no table [app]")  # noqa: TRY004  # of a file, and no argument
    missing = [key for key in ("id", "name", "version", "summary") if not isinstance(app.get(key), str)]
    if missing:
        raise ValueError(f"app.{missing[0]} must be given")
    revision, categories = app.get("revision", 1), app.get("categories", [])
    if not isinstance(revision, int) or isinstance(revision, bool) or not isinstance(categories, list):
        raise ValueError("app.revision must be a number, and app.categories a list")  # noqa: TRY004
    return Summary(
        app["id"], app["name"], app["version"], revision, app["summary"], tuple(map(str, categories))
    )


def _plain(head: str) -> dict[str, Any] | None:
    """Return the table [app] if every line is of the plain kind: tomllib takes ten times as long for it."""
    found: dict[str, Any] | None = None
    keys: set[str] = set()
    for line in head.split("\n"):
        match = _LINE.fullmatch(line)
        if match is None or (match["table"] and found is not None):
            return None
        if match["inner"]:
            break
        if match["table"]:
            found = {}
            keys.clear()
        elif match["key"] in keys:
            return None
        elif match["key"]:
            keys.add(match["key"])
            if found is not None:
                found[match["key"]] = match["value"]
    return found and {key: _read(value) for key, value in found.items() if "." not in key}


def _read(written: str) -> object:
    return written[1:-1] if written[0] == '"' else json.loads(written)
