"""What an app is, read without the rest of its manifest: lists of hundreds are shown at once."""

from __future__ import annotations

import re

from msgspec import Struct

from beacon.formats.tomltext import read_toml

_REST = re.compile(r"^\[(?!app[\].])", re.MULTILINE)
"""Where the tables about the app end, if they come first."""


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
    app = read_toml(_REST.split(text, maxsplit=1)[0]).get("app") or read_toml(text).get("app")
    if not isinstance(app, dict):
        raise ValueError("it has no table [app]")  # noqa: TRY004  # of a file, and no argument
    missing = [key for key in ("id", "name", "version", "summary") if not isinstance(app.get(key), str)]
    if missing:
        raise ValueError(f"app.{missing[0]} must be given")
    revision, categories = app.get("revision", 1), app.get("categories", [])
    if not isinstance(revision, int) or not isinstance(categories, list):
        raise ValueError("app.revision must be a number, and app.categories a list")  # noqa: TRY004
    return Summary(
        app["id"], app["name"], app["version"], revision, app["summary"], tuple(map(str, categories))
    )
