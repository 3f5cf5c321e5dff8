"""The loop of beacon-endpoints.service: read the services when something changes, and have it published."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from beacon.endpoints.routing.publisher import Entry
from beacon.endpoints.stores.thread import PublisherThread
from beacon.errors import BeaconError
from beacon.model.notice import plural

READ_EVERY = 10.0
"""Seconds after which the services are read, at the latest: health changes without a signal."""
_TICK = 1.0
"""Seconds after which files are looked at, of which nobody sends a signal."""
_EARLY = 0.05
"""The same until the service has started, which whoever starts it waits for."""
_FIRST_ATTEMPT = 6.0
"""Seconds that the stores have before the service counts as started, whether they answer or not."""


class Watch(Protocol):
    """Knows when a unit changes."""

    def wait(self, seconds: float) -> bool:
        """Wait until a unit changes, *seconds* at the most; say whether one did."""


class Notifier(Protocol):
    """The manager of this service."""

    def ready(self) -> None:
        """Say that the service has started."""

    def status(self, text: str) -> None:
        """Say what the service is doing."""

    def alive(self) -> None:
        """Say that the service has not hung."""


class Snapshot(Struct, frozen=True):
    """What was read of the services: for each store what it is to say, and of how many endpoints."""

    entries: Mapping[str, Mapping[str, Entry]]
    endpoints: int
    services: int


class Inputs(Struct, frozen=True):
    """What the loop is driven by."""

    read: Callable[[], Snapshot]
    read_stopped: Callable[[], Snapshot | None]
    """What was read last, without what has stopped since: quicker, and None where it would not be."""
    stamp: Callable[[], object]
    """Changes whenever services are applied."""
    is_over: Callable[[], bool]
    """Whether the loop is to end."""
    log: Callable[[str], None]


def run_loop(threads: Sequence[PublisherThread], watch: Watch, inputs: Inputs, notifier: Notifier) -> None:
    """Keep the stores up to date until it is over. What cannot be read leaves all as it is published."""
    for thread in threads:
        thread.start()
    began = time.monotonic()
    services = _Services(threads, inputs)
    stamp: object = None
    due, changed, is_ready = 0.0, False, False
    while not inputs.is_over():
        if not all(thread.is_alive for thread in threads):
            raise RuntimeError("what keeps a store up to date has ended")
        newest = inputs.stamp()
        if changed or newest != stamp or time.monotonic() >= due:
            stamp = newest
            services.read(changed=changed)
            due = time.monotonic() + READ_EVERY
        if not is_ready and (_all_tried(threads) or time.monotonic() > began + _FIRST_ATTEMPT):
            notifier.ready()
            is_ready = True
        notifier.alive()
        notifier.status(status(services.snapshot, threads, services.trouble))
        changed = watch.wait(_TICK if is_ready else _EARLY)


class _Services:
    """Reads the services, and hands each store what it is to say."""

    def __init__(self, threads: Sequence[PublisherThread], inputs: Inputs) -> None:
        self.snapshot: Snapshot | None = None
        self.trouble = ""
        self._threads = threads
        self._inputs = inputs

    def read(self, *, changed: bool) -> None:
        """Read all services; of units that *changed*, publish first what stopped: engines take their time."""
        try:
            if changed:
                self._want(self._inputs.read_stopped())
            self.snapshot = self._inputs.read()
        except BeaconError as error:
            if not self.trouble:
                self._inputs.log(f"<3>{error.message}")
            self.trouble = error.message
        else:
            self.trouble = ""
            self._want(self.snapshot)

    def _want(self, snapshot: Snapshot | None) -> None:
        for thread in self._threads:
            # What cannot be worked out for a store (a template makes no sense) leaves that one as it is.
            if snapshot is not None and thread.where in snapshot.entries:
                thread.put(snapshot.entries[thread.where])


def _all_tried(threads: Sequence[PublisherThread]) -> bool:
    return all(thread.tried.is_set() for thread in threads)


def status(snapshot: Snapshot | None, threads: Sequence[PublisherThread], trouble: str) -> str:
    """Return the one line that systemctl status shows."""
    if trouble:
        return f"What is published stays as it is: {trouble}"
    if snapshot is None:
        return "Looking at the services"
    tried = [thread for thread in threads if thread.tried.is_set()]
    away = [thread for thread in tried if thread.trouble is not None]
    parts = []
    if good := [thread.where for thread in tried if thread not in away]:
        what = f"{plural(snapshot.endpoints, 'endpoint')} of {plural(snapshot.services, 'service')}"
        parts.append(f"{what} published to {' and '.join(good)}")
    if waiting := [thread.where for thread in threads if thread not in tried]:
        parts.append(f"telling {' and '.join(waiting)}")
    for thread in away:
        message = thread.trouble.message if thread.trouble else ""
        parts.append(f"{message}; next try at {thread.retry_clock}")
    return "; ".join(parts)
