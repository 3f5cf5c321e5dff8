"""The loop of beacon-endpoints.service: look when something changes, and have each store told."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from beacon.endpoints.routing.publisher import Entry
from beacon.endpoints.stores.keeper import Keeper
from beacon.errors import BeaconError
from beacon.model.notice import plural

LOOK = 10.0
"""Seconds after which the services are looked at, at the latest: health changes without a signal."""
_TICK = 1.0
"""Seconds after which files are looked at, which nobody tells of."""
_EARLY = 0.05
"""The same until the service has started, which whoever starts it waits for."""
_FIRST_ATTEMPT = 6.0
"""Seconds that the stores have before the service counts as started, whether they answer or not."""


class Watch(Protocol):
    """Tells when a unit changes."""

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


class View(Struct, frozen=True):
    """What a look found: for each store what it is to say; and how many endpoints of services that is."""

    wanted: Mapping[str, Mapping[str, Entry]]
    endpoints: int
    services: int


class Senses(Struct, frozen=True):
    """What the loop is driven by."""

    look: Callable[[], View]
    glance: Callable[[], View | None]
    """The last look with what has stopped since: quicker, and None where it would not be."""
    stamp: Callable[[], object]
    """Changes whenever services are applied."""
    is_over: Callable[[], bool]
    """Whether the loop is to end."""
    log: Callable[[str], None]


def keep(keepers: Sequence[Keeper], watch: Watch, senses: Senses, notifier: Notifier) -> None:
    """Keep the stores up to date until it is over. A look that fails leaves all as it is published."""
    for keeper in keepers:
        keeper.start()
    began = time.monotonic()
    eyes = _Eyes(keepers, senses)
    stamp: object = None
    due, changed, is_ready = 0.0, False, False
    while not senses.is_over():
        if not all(keeper.is_alive for keeper in keepers):
            raise RuntimeError("what keeps a store up to date has ended")
        newest = senses.stamp()
        if changed or newest != stamp or time.monotonic() >= due:
            stamp = newest
            eyes.look(changed=changed)
            due = time.monotonic() + LOOK
        if not is_ready and (_all_tried(keepers) or time.monotonic() > began + _FIRST_ATTEMPT):
            notifier.ready()
            is_ready = True
        notifier.alive()
        notifier.status(status(eyes.view, keepers, eyes.trouble))
        changed = watch.wait(_TICK if is_ready else _EARLY)


class _Eyes:
    """Looks, and says what the stores are to say."""

    def __init__(self, keepers: Sequence[Keeper], senses: Senses) -> None:
        self.view: View | None = None
        self.trouble = ""
        self._keepers = keepers
        self._senses = senses

    def look(self, *, changed: bool) -> None:
        """Look at all services; of units that *changed*, tell first what stopped: engines take their time."""
        try:
            if changed:
                self._want(self._senses.glance())
            self.view = self._senses.look()
        except BeaconError as error:
            if not self.trouble:
                self._senses.log(f"<3>{error.message}")
            self.trouble = error.message
        else:
            self.trouble = ""
            self._want(self.view)

    def _want(self, view: View | None) -> None:
        for keeper in self._keepers:
            # What cannot be worked out for a store (a template makes no sense) leaves that one as it is.
            if view is not None and keeper.where in view.wanted:
                keeper.want(view.wanted[keeper.where])


def _all_tried(keepers: Sequence[Keeper]) -> bool:
    return all(keeper.tried.is_set() for keeper in keepers)


def status(view: View | None, keepers: Sequence[Keeper], trouble: str) -> str:
    """Return the one line that systemctl status shows."""
    if trouble:
        return f"What is published stays as it is: {trouble}"
    if view is None:
        return "Looking at the services"
    tried = [keeper for keeper in keepers if keeper.tried.is_set()]
    away = [keeper for keeper in tried if keeper.trouble is not None]
    parts = []
    if good := [keeper.where for keeper in tried if keeper not in away]:
        what = f"{plural(view.endpoints, 'endpoint')} of {plural(view.services, 'service')}"
        parts.append(f"{what} published to {' and '.join(good)}")
    if waiting := [keeper.where for keeper in keepers if keeper not in tried]:
        parts.append(f"telling {' and '.join(waiting)}")
    for keeper in away:
        message = keeper.trouble.message if keeper.trouble else ""
        parts.append(f"{message}; next try at {keeper.retry_clock}")
    return "; ".join(parts)
