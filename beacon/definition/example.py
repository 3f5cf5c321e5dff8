"""The reference of all keys, as ``beacon show --example`` prints it."""

from __future__ import annotations


def example() -> str:
    """Return example.toml, which shipped beside this module."""
    from importlib import resources  # noqa: PLC0415 -- importing this package costs nothing

    return resources.files("beacon.definition").joinpath("example.toml").read_text(encoding="utf-8")
