"""What this machine has written to a store of endpoints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Written:
    """The keys that were written to *store*, and whether the last writing came to its end."""

    store: str
    keys: tuple[str, ...] = ()
    complete: bool = True
