"""The reference of all keys, as ``beacon show --example`` prints it."""

from __future__ import annotations

from importlib import resources


def example() -> str:
    """Return example.toml, which shipped beside this module."""
    return resources.files("beacon.definition").joinpath("example.toml").read_text(encoding="utf-8")
