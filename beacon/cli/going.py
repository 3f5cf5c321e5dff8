"""What goes on with a service, in one line that tells how far it has come at any moment."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from beacon.operations.listener import Pulling, Waiting

Text = Callable[[], str]
"""Returns the line as it is now."""

_WINDOW = 10.0
"""Seconds over which the rate of a pull is taken."""
_LEAST = 2.0
_UNITS = ("B", "kB", "MB", "GB", "TB")
_MINUTE, _HOUR = 60, 3600


def waiting(prefix: str, wait: Waiting) -> Text:
    """Return the line of something that is waited for; the time goes on though nothing more is heard."""
    began = time.monotonic() - wait.seconds

    def text() -> str:
        seconds = int(time.monotonic() - began)
        limit = f" of {wait.limit:.0f}" if wait.limit is not None else ""
        return f"{prefix}{wait.what}, {seconds}{limit} s"

    return text


def lasting(words: str) -> Text:
    """Return the line of something that takes its time."""
    return waiting("", Waiting("", words))


class Pull:
    """One pull, as far as it has come."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._heard: deque[tuple[float, int]] = deque()
        self._last: Pulling | None = None
        self._began = clock()

    def hear(self, pull: Pulling) -> None:
        """Take note of how far it has come."""
        self._last = pull
        now = self._clock()
        self._heard.append((now, pull.done or 0))
        while now - self._heard[0][0] > _WINDOW and len(self._heard) > 1:
            self._heard.popleft()

    def text(self) -> str:
        """Return the line: bytes, rate and time left, as far as they are known."""
        pull = self._last
        if pull is None:
            return ""
        said = f"{pull.service}: {self._said(pull)}"
        return f"{said}, of {pull.image.name}" if pull.done is not None else said

    def _said(self, pull: Pulling) -> str:
        done, total = pull.done, pull.total
        if done is None:
            return f"pulling {pull.image.name}, {int(self._clock() - self._began)} s"
        if total is not None and done >= total:
            return f"pulled {size(total)}, unpacking" if total else "unpacking, there is nothing to fetch"
        rate = self._rate(done)
        of_all = f"{amount(done, total)} of {size(total)}" if total is not None else size(done)
        left = f", {duration((total - done) / rate)} left" if total is not None and rate else ""
        return f"pulling {of_all}, {size(rate)}/s{left}" if rate is not None else f"pulling {of_all}"

    def _rate(self, done: int) -> float | None:
        """Return the bytes of a second; None where it is too early to tell."""
        since, before = self._heard[0]
        seconds = self._clock() - since
        return (done - before) / seconds if seconds >= _LEAST else None


def size(count: float) -> str:
    """Return an amount of bytes as engines and registries write it: ``12.3 MB``, of a million each."""
    unit = _unit(count)
    return f"{amount(count, count)} {_UNITS[unit]}"


def amount(count: float, like: float) -> str:
    """Return the number alone, in the unit that suits *like*."""
    unit = _unit(like)
    value = count / 1000**unit
    return f"{value:.0f}" if unit == 0 or value >= 100 else f"{value:.1f}"  # noqa: PLR2004  # three digits


def _unit(count: float) -> int:
    return next((unit for unit in range(len(_UNITS) - 1) if count < 1000 ** (unit + 1)), len(_UNITS) - 1)


def duration(seconds: float) -> str:
    """Return how long something takes: ``58 s``, ``12 min``, ``2 h 5 min``."""
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds // _HOUR:.0f} h {seconds % _HOUR // _MINUTE:.0f} min"
