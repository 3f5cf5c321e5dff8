"""TOML of others: whatever it holds, it is read or a ValueError says why not."""

from __future__ import annotations

import tomllib
from typing import Any


def read_toml(written: str) -> dict[str, Any]:
    """Return what a TOML text holds; ValueError also where it nests without end."""
    try:
        return tomllib.loads(written)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
