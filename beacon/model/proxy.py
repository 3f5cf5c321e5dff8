"""What is remembered of the managed proxy."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field


class ProxyRecord(Struct, frozen=True):
    """What became of the last file: kept, so that only what is new is checked and loaded."""

    wanted: str = ""
    """SHA-256 of the whole file that was wanted; empty where it could not be loaded."""
    loaded: str = ""
    """SHA-256 of the file that Caddy has loaded."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Address of a site → why Caddy does not take it."""
