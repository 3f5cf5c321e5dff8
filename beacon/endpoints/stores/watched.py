"""A file that others write, taken for new only once it is whole."""

from __future__ import annotations

import time
from pathlib import Path

WHOLE = 2.0
"""Seconds after which a file that nobody has touched since counts as written to its end."""


class Watched:
    """A file as it was when it was looked at first, and whether there is another in its place.

    Who writes a file may empty or remove it first. What is there for a moment is nothing to act on.
    """

    def __init__(self, path: Path, settle: float = WHOLE) -> None:
        self._path = path
        self._settle = settle
        self._first = self._last = _stamp(path)
        self._since = 0.0

    def is_replaced(self) -> bool:
        """Say whether it is another, and has been the same one for some time."""
        now, newest = time.monotonic(), _stamp(self._path)
        if newest != self._last:
            self._last, self._since = newest, now
        return newest != self._first and now >= self._since + self._settle


def _stamp(path: Path) -> object:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ino, stat.st_size
