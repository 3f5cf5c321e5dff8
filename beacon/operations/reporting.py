"""What comes of rollouts: decisions are logged, progress is reported to a listener."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from beacon.model.event import Event
from beacon.model.reference import ImageReference
from beacon.model.release import ServiceState
from beacon.model.rollout.record import StepKind
from beacon.model.unit import helped
from beacon.operations.listener import (
    Listener,
    Nobody,
    Note,
    Progress,
    Pulled,
    Pulling,
    StepBegan,
    Waiting,
    report,
)

_PAUSE = 1.0
"""Seconds from one word on a pull, or on a wait, to the next."""


Tally = Callable[[int | None, int | None], None]
"""Takes how many bytes of a pull have come, and of how many."""


class ListenerReporter:
    """Reports the progress of rollouts to a listener, and logs their decisions (a Reporter of rollouts)."""

    def __init__(self, listener: Listener, record: Callable[[Event, ServiceState | None], None]) -> None:
        self._listener: Listener = listener
        self._record = record
        self._reported: dict[str, tuple[str, float]] = {}
        """What each service was last reported to wait for, and for how long."""

    def event(self, event: Event, saving: ServiceState | None = None) -> None:
        """Log *event*, and save the state that it is about."""
        self._record(event, saving)

    def note(self, service: str, line: str) -> None:
        """Report a sentence about *service*."""
        self._report(Note(service, line))

    def step(self, service: str, kind: StepKind | None) -> None:
        """Report which step of a rollout begins; None: it has ended."""
        self._report(StepBegan(service, kind))

    def waiting(self, service: str, what: str, seconds: float = 0.0, limit: float | None = None) -> None:
        """Report what a service or its helper waits for, if it is new or a second has passed."""
        service = helped(service)
        last, moment = self._reported.get(service, ("", 0.0))
        if what != last or not moment <= seconds < moment + _PAUSE:
            self._reported[service] = (what, seconds)
            self._report(Waiting(service, what, seconds, limit))

    @contextlib.contextmanager
    def pulling(self, service: str, image: ImageReference) -> Iterator[Tally]:
        """Report a pull while the block runs; it is handed what takes how far that has come."""
        last, due = Pulling(service, image), 0.0
        self._report(last)

        def read(done: int | None, total: int | None) -> None:
            nonlocal last, due
            new, now = Pulling(service, image, done, total), time.monotonic()
            if new != last and now >= due:
                last, due = new, now + _PAUSE
                self._report(new)

        try:
            yield read
        finally:
            self._report(Pulled(service, image))

    def _report(self, progress: Progress) -> None:
        """Report to the listener, which is dropped once it could not listen: a closed pipe, a closed tab."""
        if not report(self._listener, progress):
            self._listener = Nobody()
