"""The machine's clocks."""

from __future__ import annotations

import time
from datetime import datetime


class SystemClock:
    """Tells the time, and waits."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def now(self) -> datetime:
        """Return local time with its zone."""
        return datetime.now().astimezone()
