"""The managed proxy: updated with what has changed, one process at a time, and again until it has it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from typing import Protocol

from msgspec.structs import replace

from beacon.endpoints.installed import States, installed
from beacon.endpoints.proxy.settle import Proxy, Settled, settle
from beacon.endpoints.routing.caddyfile import Caddyfile, caddyfile
from beacon.endpoints.routing.routes import RunningService, routes
from beacon.errors import BeaconError
from beacon.model.endpoints.proxy import ProxyRecord
from beacon.model.notice import Notice
from beacon.model.outcome import Outcome, OutcomeKind

_LOCK = "_proxy"
"""No service's: names have no underscore."""
_PATIENCE = 60.0
_QUIET = {
    *(OutcomeKind.UP_TO_DATE, OutcomeKind.PINNED, OutcomeKind.HELD, OutcomeKind.QUARANTINED),
    *(OutcomeKind.STOPPED, OutcomeKind.BUSY, OutcomeKind.DEFERRED, OutcomeKind.UNCHECKED),
    OutcomeKind.WAITING,
}
"""Outcomes that leave everything as it was."""


class ProxyMemory(States, Protocol):
    """What is remembered of the services and of the proxy."""

    def proxy(self) -> ProxyRecord:
        """Return what became of the proxy's file."""

    def save_proxy(self, record: ProxyRecord) -> None:
        """Remember that."""

    def lock(self, name: str, *, wait: float = 0.0) -> AbstractContextManager[None]:
        """Return a lock of the machine's."""


class ManagedProxy:
    """Caddy, where it is Beacon's to manage."""

    def __init__(self, caddy: Proxy, memory: ProxyMemory, *, patience: float = _PATIENCE) -> None:
        self._caddy = caddy
        self._memory = memory
        self._patience = patience

    def follow(self, outcomes: Iterable[Outcome]) -> tuple[Notice, ...]:
        """Have the proxy answer what is installed now; return what hinders that, which ends nothing."""
        try:
            pending = not self._memory.proxy().desired
            if not pending and all(outcome.kind in _QUIET for outcome in outcomes):
                return ()
            return self.settle()[1]
        except BeaconError as error:
            with suppress(BeaconError):
                self._memory.save_proxy(self._memory.proxy().pending(missed=True))
            return (Notice(f"Caddy goes on as before: {error.message}", error.hint),)

    def settle(self) -> tuple[Settled | None, tuple[Notice, ...]]:
        """Bring the proxy up to date, and remember what came of it; return that, and what is not answered.

        Whatever ends it before that, an error or a kill, the next run finds it pending.
        """
        with self._memory.lock(_LOCK, wait=self._patience):
            last = self._memory.proxy()
            self._memory.save_proxy(last.pending())
            self._caddy.guard()
            services, warnings = installed(self._memory)
            settled = settle(self._caddy, desired(services), last, time.sleep)
            if settled is not None:
                missed = self._memory.proxy().missed
                self._memory.save_proxy(settled.record.pending() if missed else settled.record)
        return settled, (*warnings, *_notices(settled))

    def unanswered(self, services: Mapping[str, RunningService]) -> dict[tuple[str, str], tuple[str, str]]:
        """Return service and claim → why the proxy does not answer it, and what mends that."""
        made, refused = desired(services), self._memory.proxy().refused
        why = {(one.service, one.claim): (one.why, one.mend) for one in made.left_out}
        for site in made.sites:
            if site.address in refused:
                why |= dict.fromkeys(site.claims, (refused[site.address], "take it out there, or here"))
        return why


def desired(services: Mapping[str, RunningService]) -> Caddyfile:
    """Return what Caddy is to answer; ports that an engine chose for one start are nothing for it."""
    return caddyfile(routes({name: replace(one, container=None) for name, one in services.items()}))


def _notices(settled: Settled | None) -> Iterator[Notice]:
    """Yield what is not answered, and why."""
    if settled is None:
        return
    if settled.trouble:
        yield Notice(settled.trouble, settled.mend)
    for one in settled.left_out:
        yield Notice(f"{one.claim} of {one.service} is not answered: {one.why}", one.mend or None)
