"""Times as people read them: one form for all of them, by the clock on the wall."""

from __future__ import annotations

from datetime import UTC, datetime


def shown(moment: datetime | str) -> str:
    """Return *moment* (RFC 3339, if it is text) to the minute, in local time: ``2026-11-30 05:08 UTC``.

    A text that is no time comes back as it is.
    """
    if isinstance(moment, str):
        try:
            return shown(datetime.fromisoformat(moment))
        except ValueError:
            return moment
    return f"{moment.astimezone():%Y-%m-%d %H:%M %Z}"


def shown_at(microseconds: int) -> str:
    """Return the same of microseconds since 1970, as systemd counts."""
    return shown(datetime.fromtimestamp(microseconds / 1e6).astimezone())


def stamp(moment: datetime) -> str:
    """Return *moment* as it is kept and answered: RFC 3339 in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
