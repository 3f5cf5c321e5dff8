"""Calendar expressions of systemd (systemd.time(7), CALENDAR EVENTS), as far as definitions may use them.

What is accepted here is accepted by systemd. That reads a few forms more, which nobody needs: seconds since
1970, years of two digits, ``Mon-Fri`` and the short names of time zones.
"""

from __future__ import annotations

import re

from msgspec import Struct

_WORDS = (
    "minutely",
    "hourly",
    "daily",
    "weekly",
    "monthly",
    "quarterly",
    "semiannually",
    "yearly",
    "annually",
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY_NUMBER = {name: number for number, day in enumerate(_DAYS) for name in (day, day[:3])}
_ZONE = re.compile(r"UTC|[A-Z][A-Za-z_+-]*(?:/[A-Za-z0-9_+-]+){1,2}")
_ITEM = re.compile(r"(\d+)(?:\.\.(\d+))?(?:/(\d+))?")
_SECOND = re.compile(r"(\d+(?:\.\d{1,6})?)(?:\.\.(\d+(?:\.\d{1,6})?))?(?:/(\d+(?:\.\d{1,6})?))?")
_LATE_DAY = re.compile(r"(\d+)(?:/(\d+))?")
_SHORTEST_MONTH = 28
_AN = {"hour": "an"}
_CRON_FIELDS = 5
_CRON = re.compile(r"[\d*/,-]+")
_FIRST_YEAR, _LAST_YEAR = 1970, 2199
_HELP = "must be a time of systemd.time(7) such as 'daily', 'Mon..Fri 02:30' or '*:0/15'"


class Calendar(Struct, frozen=True):
    """When something is to be done."""

    text: str
    is_frequent: bool
    """Whether that is more than once an hour: what was missed is not made up for then."""

    @classmethod
    def parse(cls, text: str) -> Calendar:
        """Read an expression. Raises ValueError saying what is wrong with it."""
        text = " ".join(text.split())
        words = text.split(" ")
        if len(words) == _CRON_FIELDS and all(_CRON.fullmatch(word) for word in words):
            raise ValueError(f"{_HELP}, not {text!r}, which is cron's form")
        if len(words) > 1 and _ZONE.fullmatch(words[-1]):
            words.pop()
        if len(words) == 1 and words[0].lower() in _WORDS:
            return cls(text, words[0].lower() == "minutely")
        try:
            return cls(text, _read(words))
        except ValueError as error:
            why = f": {error}" if str(error) else ""
            raise ValueError(f"{_HELP}, not {text!r}{why}") from None


def _read(words: list[str]) -> bool:
    """Judge ``[DAYS] [DATE] [TIME]``; return whether it is more than once an hour."""
    rest = list(words)
    if rest and rest[0][:1].isalpha():
        _days(rest.pop(0))
        if not rest:
            return False
    if rest and ":" not in rest[0]:
        _date(rest.pop(0))
    is_frequent = bool(rest) and _time(rest.pop(0))
    if rest:
        raise ValueError(f"there is nothing that {rest[0]!r} can be")
    return is_frequent


def _days(text: str) -> None:
    for item in text.lower().split(","):
        ends = item.split("..")
        unknown = [name for name in ends if name not in _DAY_NUMBER]
        if unknown or len(ends) > 2:  # noqa: PLR2004  # of a range
            raise ValueError(f"{(unknown or [item])[0]!r} is no day of the week")
        if _DAY_NUMBER[ends[0]] > _DAY_NUMBER[ends[-1]]:
            raise ValueError(f"{item} ends before it begins")


def _date(text: str) -> None:
    """Judge ``[YEAR-]MONTH-DAY``; with ``~`` in place of the last ``-``, days count from the month's end."""
    head, separator, day = text.rpartition("~")
    if not separator:
        head, separator, day = text.rpartition("-")
    if not separator:
        raise ValueError("")
    parts = head.split("-")
    if len(parts) > 2:  # noqa: PLR2004  # year and month
        raise ValueError("a date is YEAR-MONTH-DAY")
    _component("month", parts[-1], 1, 12)
    if separator == "~":
        _from_the_end(day)
    else:
        _component("day", day, 1, 31)
    if len(parts) > 1:
        _component("year", parts[0], _FIRST_YEAR, _LAST_YEAR)


def _from_the_end(text: str) -> None:
    """Judge a day from the end of a month, which every month has."""
    found = _LATE_DAY.fullmatch(text)
    if found is None or not 1 <= int(found[1]) <= _SHORTEST_MONTH:
        raise ValueError(f"a day from the end of a month is 1 to {_SHORTEST_MONTH}")
    if found[2] is not None and not 0 < int(found[2]) < int(found[1]):
        raise ValueError(f"{text} never comes to a second day")


def _time(text: str) -> bool:
    """Judge ``HOUR:MINUTE[:SECOND]``; return whether it is more than once an hour."""
    hour, minute, *seconds = text.split(":")
    if len(seconds) > 1:
        raise ValueError("a time is HOUR:MINUTE:SECOND")
    _component("hour", hour, 0, 23)
    _component("minute", minute, 0, 59)
    for second in seconds:
        _component("second", second, 0, 59, _SECOND)
    return not all(part.isdecimal() for part in (minute, *seconds))


def _component(what: str, text: str, low: int, high: int, form: re.Pattern[str] = _ITEM) -> None:
    """Judge one component: ``*``, or a list of numbers, ranges and repetitions."""
    if text == "*":
        return
    for item in text.split(","):
        found = form.fullmatch(item)
        if found is None:
            hint = f"; from the first on that is {low}{item[1:]}" if item.startswith("*/") else ""
            raise ValueError(f"{item!r} is no {what}{hint}")
        first, last, step = (float(part) if part is not None else None for part in found.groups())
        if not all(low <= value <= high for value in (first, last) if value is not None):
            raise ValueError(f"{_AN.get(what, 'a')} {what} is {low} to {high}")
        if first is not None and last is not None and first > last:
            raise ValueError(f"{item} ends before it begins")
        end = high if last is None else last
        if step is not None and not 0 < step <= end - (first or 0.0):
            raise ValueError(f"{item} never comes to a second {what}")
