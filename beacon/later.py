"""Parts that are made when something is first asked of them.

A check that finds nothing new asks neither the engine nor systemd, and renders nothing: D-Bus alone would
cost it 30 ms, and what renders 60 ms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

T = TypeVar("T")


class _Later:
    def __init__(self, make: Callable[[], object]) -> None:
        self._make = make

    def __getattr__(self, name: str) -> object:
        return getattr(self._make(), name)


def later(make: Callable[[], T]) -> T:
    """Return what stands for the part that *make* returns, which is asked for it each time."""
    return cast("T", _Later(make))
