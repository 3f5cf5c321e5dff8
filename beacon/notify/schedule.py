"""When targets are notified: at once or once a day, not at night, and again if they are away; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from beacon.model.notifying.news import News, TargetStanding
from beacon.model.notifying.target import Target
from beacon.model.window import Window, is_open

LONGEST_KEPT = 7 * 86400.0
"""Seconds after which what could not be notified is given up."""
MOST_KEPT = 500
"""Of more news the oldest are given up."""
MOST_APART = 3
"""Of more news at once there is one message."""
_FIRST_DELAY, _LONGEST_DELAY = 60.0, 3600.0


def due(
    target: Target, queued: Mapping[str, News], standing: TargetStanding, now: datetime
) -> dict[str, News]:
    """Return what of *queued* is sent to *target* at *now*, a local time, by id."""
    if now.timestamp() < standing.next:
        return {}
    if target.quiet and is_open(map(Window.parse, target.quiet), now):
        return {}
    until = _last(target.daily, now).timestamp() if target.daily else now.timestamp()
    found = {name: news for name, news in queued.items() if target.name in news.left}
    if target.daily:
        return {name: news for name, news in found.items() if news.at <= until}
    return found


def _last(time: str, now: datetime) -> datetime:
    """Return the last moment at which it was *time* by the clock on the wall."""
    hour, _, minute = time.partition(":")
    today = now.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
    return today if today <= now else today - timedelta(days=1)


def failed(standing: TargetStanding, error: str, now: float) -> TargetStanding:
    """Return how a target stands after it could not be notified: it is tried again, later each time."""
    delay = min(_FIRST_DELAY * 2.0 ** min(standing.failures, 10), _LONGEST_DELAY)
    since = standing.since if standing.failures else now
    return replace(standing, failures=standing.failures + 1, since=since, next=now + delay, error=error)


def succeeded(now: float) -> TargetStanding:
    """Return how a target stands after it was notified."""
    return TargetStanding(notified=now)


def given_up(queued: Mapping[str, News], now: float) -> frozenset[str]:
    """Return the ids of news that are too old, or too many."""
    names = sorted(queued)
    old = {name for name in names if now - queued[name].at > LONGEST_KEPT}
    return frozenset(old | set(names[: max(len(names) - MOST_KEPT, 0)]))
