"""What goes on, where no line can move: in a journal, a file or a pipe, a line now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from beacon.cli.going import Text

_PAUSE = 10.0
"""Seconds from one line on a service to the next."""


class Lines:
    """Says what goes on with services, once that has gone on for a while."""

    def __init__(self, say: Callable[[str], None], pause: float = _PAUSE) -> None:
        self._say = say
        self._pause = pause
        self._changed = threading.Condition()
        self._texts: dict[str, Text] = {}
        self._due: dict[str, float] = {}
        self._thread: threading.Thread | None = None

    def show(self, service: str, text: Text) -> None:
        """Have it said what goes on with *service*."""
        with self._changed:
            self._texts[service] = text
            self._due.setdefault(service, time.monotonic() + self._pause)
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep_saying, daemon=True)
                self._thread.start()

    def end(self, service: str) -> None:
        """Have no more said of *service*."""
        with self._changed:
            self._texts.pop(service, None)
            self._due.pop(service, None)

    def _keep_saying(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                due = [service for service, moment in self._due.items() if moment <= now]
                said = [self._texts[service]() for service in due]
                self._due |= dict.fromkeys(due, now + self._pause)
                if not due:
                    self._changed.wait(min(self._due.values(), default=now + self._pause) - now)
            for line in said:
                self._say(line)
