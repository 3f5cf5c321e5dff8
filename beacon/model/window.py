"""Maintenance windows: the hours, in local time, in which a rollout may begin."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from msgspec import Struct

_DAY_NAMES = {
    name: index
    for index, day in enumerate(
        ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    )
    for name in (day, day[:3])
}
_EVERY_DAY = frozenset(range(7))
_HOURS = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_DAY_MINUTES = 24 * 60
_HOUR_MINUTES = 60
_HELP = "must be a window such as 'Sat,Sun 02:00-05:00', 'daily 22:00-06:00' or '02:00-05:00'"


class Window(Struct, frozen=True):
    """Minutes of the day from *start* up to *end*, on the *days* (0 is Monday) on which it opens.

    An *end* that is not after *start* is on the following day.
    """

    text: str
    days: frozenset[int]
    start: int
    end: int

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read ``[DAYS] HH:MM-HH:MM`` or ``DAYS``; raises ValueError saying what it must be."""
        hours = _HOURS.search(text)
        head = text[: hours.start()] if hours else text
        if hours and text[hours.end() :].strip():
            raise ValueError(f"{_HELP}, not {text!r}")
        days = _parse_days(head.strip(), text, optional=hours is not None)
        start, end = _parse_hours(hours, text) if hours else (0, _DAY_MINUTES)
        return cls(text.strip(), days, start, end)

    def contains(self, moment: datetime) -> bool:
        """Whether the window is open at *moment*, by the clock on the wall."""
        minute = moment.hour * _HOUR_MINUTES + moment.minute
        today, yesterday = moment.weekday(), (moment.weekday() - 1) % 7
        if self.start < self.end:
            return today in self.days and self.start <= minute < self.end
        return (today in self.days and minute >= self.start) or (yesterday in self.days and minute < self.end)

    def next_opening(self, moment: datetime) -> datetime:
        """Return *moment* itself while the window is open, else when it opens next.

        Give a naive local time, or an aware one whose zone knows its own summer time. A night in which
        the clock skips the whole window does not open.
        """
        if self.contains(moment):
            return moment
        for ahead in range(15):
            opening = self._opens_on(moment.date() + timedelta(days=ahead), moment)
            if opening >= moment and self.contains(opening):
                return opening
        raise AssertionError(f"{self.text!r} opens on some day of every week")

    def _opens_on(self, day: date, moment: datetime) -> datetime:
        wall = datetime(day.year, day.month, day.day, tzinfo=moment.tzinfo) + timedelta(minutes=self.start)
        if wall.tzinfo is None:
            return wall
        # There and back again moves an hour that does not exist to the one that does.
        return wall.astimezone(UTC).astimezone(wall.tzinfo)

    def __str__(self) -> str:
        return self.text


def is_open(windows: Iterable[Window], moment: datetime) -> bool:
    """Whether one of *windows* is open; no windows at all are always open."""
    windows = tuple(windows)
    return not windows or any(window.contains(moment) for window in windows)


def _parse_days(head: str, text: str, *, optional: bool) -> frozenset[int]:
    if head.lower() == "daily" or (not head and optional):
        return _EVERY_DAY
    days: set[int] = set()
    for part in re.split(r"\s*,\s*", head):
        first, dash, last = (piece.strip().lower() for piece in _split_span(part))
        if first not in _DAY_NAMES or (dash and last not in _DAY_NAMES):
            raise ValueError(f"{_HELP}, not {text!r}")
        begin, end = _DAY_NAMES[first], _DAY_NAMES[last or first]
        days.update((begin + offset) % 7 for offset in range((end - begin) % 7 + 1))
    return frozenset(days)


def _split_span(part: str) -> tuple[str, str, str]:
    """Split ``Mon-Fri``, or ``Mon..Fri`` as systemd.time(7) writes it."""
    return part.partition(".." if ".." in part else "-")


def _parse_hours(hours: re.Match[str], text: str) -> tuple[int, int]:
    start = int(hours[1]) * _HOUR_MINUTES + int(hours[2])
    end = int(hours[3]) * _HOUR_MINUTES + int(hours[4])
    minutes_valid = int(hours[2]) < _HOUR_MINUTES and int(hours[4]) < _HOUR_MINUTES
    if not minutes_valid or start >= _DAY_MINUTES or end > _DAY_MINUTES:
        raise ValueError(f"{_HELP}, from 00:00 to 24:00, not {text!r}")
    if start == end:
        raise ValueError(
            f"must not open and close at the same minute; a whole day is 00:00-24:00, not {text!r}"
        )
    return start, end
