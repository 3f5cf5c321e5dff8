"""What nobody writes and everybody gets: text of every kind, and documents put together at random."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

DEEP = 5000
LONG = "9" * 5000

LINES = st.sampled_from(
    [
        *("", "0", "-1", "1e999", "nan", LONG, "0x" + "f" * 5000, "\u0660", "\xb2", "\U0001f600", "a" * 5000),
        *("\ufeff", "..", "/", "~", "${A", "${A:-${B}}", "$$", "%n", "\\", '"', "'", "a\nb", "\x00", "\x1b"),
        *("[" * 100, ":", "me/web:1", "sha256:" + "0" * 64, "1.2.3.4", "[::1]:80", "8000-8010:1-11", "512M"),
    ]
)
TEXTS = st.text(max_size=30) | LINES

HALVES = st.text(st.characters(codec=None), max_size=10)
"""Also with half a surrogate pair, as JSON and YAML can write it."""

NUMBERS = st.integers() | st.sampled_from([10**30, 10**400, -(10**400), 2**63, 2**64])
SCALARS = st.none() | st.booleans() | NUMBERS | st.floats() | TEXTS | HALVES
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)


def tables(keys: list[str], values: st.SearchStrategy[Any] = DOCUMENTS) -> st.SearchStrategy[dict[str, Any]]:
    """Return tables in which keys of Beacon's meet values of anybody's."""
    return st.dictionaries(st.sampled_from(keys), values, max_size=5)


def as_json(value: object) -> str:
    """Return *value* as JSON, which YAML is as well; halves of pairs are escaped."""
    return json.dumps(value)


def deep(opening: str, closing: str = "", inner: str = "") -> str:
    """Return what is nested deeper than Python goes."""
    return opening * DEEP + inner + closing * DEEP
