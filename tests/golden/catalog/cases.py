"""What each app of the catalog comes to, as one text to look through."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path

from beacon.catalog.expansion import Expansion
from tests.catalog import CatalogApp

HERE = Path(__file__).parent


def expected_file(name: str) -> Path:
    """Return the file with what an app is expected to come to."""
    return HERE / "expected" / f"{name}.txt"


def shown(app: CatalogApp) -> str:
    """Return what an app comes to with defaults, and what differs once every option is answered."""
    before, after = list(_lines(app.with_defaults())), list(_lines(app.with_everything()))
    told = [line for line in difflib.unified_diff(before, after, n=0, lineterm="") if line[:2] != "@@"]
    return "\n".join(["#### with defaults", *before, "#### with every option answered", *told[2:], ""])


def _lines(expansion: Expansion) -> Iterator[str]:
    for name, text in expansion.definitions.items():
        yield f"## {name}.toml"
        yield from (line for line in text.splitlines() if line and not line.startswith("# What you add"))
    for path, (text, mode) in expansion.files.items():
        yield f"## {path} {mode:04o}"
        yield from text.splitlines()
    yield "## shown"
    yield from (f"folder: {folder}" for folder in expansion.folders)
    yield from (f"secret: {option} is {name}" for option, name in expansion.secrets.items())
    yield from (line for line in (expansion.url, expansion.login, *expansion.text.splitlines()) if line)
