"""Holding the start of a unit until its container is healthy, where the engine does not do that itself."""

from __future__ import annotations

from collections.abc import Callable

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 1.0


def hold_start(
    health: Callable[[], str | None], alive: Callable[[], bool], sleep: Callable[[float], None]
) -> None:
    """Return when *health* finds the container healthy, or running unchecked; or when its process has ended.

    systemd sees that by itself; an unhealthy container may get healthy until the start has lasted too long.
    """
    pause = _FIRST_PAUSE
    while alive() and health() not in {"", "healthy"}:
        sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
