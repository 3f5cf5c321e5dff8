"""What this machine has written to a store of endpoints."""

from __future__ import annotations

from msgspec import Struct


class Written(Struct, frozen=True):
    """The keys that were written to *store*, and whether the last writing came to its end."""

    store: str
    keys: tuple[str, ...] = ()
    complete: bool = True
