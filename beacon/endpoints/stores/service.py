"""Publishing as long as it runs: what beacon-endpoints.service does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from beacon.endpoints.installed import InstalledServices
from beacon.endpoints.routing.publisher import bring_up_to_date
from beacon.endpoints.routing.routes import RunningService
from beacon.endpoints.routing.stores import Store
from beacon.endpoints.stores import loop
from beacon.endpoints.stores.loop import Inputs, Snapshot, run_loop
from beacon.endpoints.stores.sources import Machine, configured, contents
from beacon.endpoints.stores.thread import PublisherThread
from beacon.endpoints.stores.watched import WHOLE, Watched
from beacon.errors import BeaconError
from beacon.model.machine import Scope

_PATIENCE = 5.0
"""Seconds that a store has to end what it is being told."""


class Watch(loop.Watch, Protocol):
    """Beacon's units, and when they change."""

    def states(self) -> Mapping[str, str]:
        """Return the ActiveState of every loaded unit of Beacon's."""

    def subscribe(self) -> None:
        """Have systemd tell of changes from now on."""


class Notifier(loop.Notifier, Protocol):
    """The manager of this service."""

    def stopping(self) -> None:
        """Say that the service is about to end."""


class Outside(Struct, frozen=True):
    """What the service has to do with, beside the machine."""

    watch: Callable[[Scope], Watch]
    notifier: Notifier
    log: Callable[[str], None]
    """Takes a line for the journal; its first characters may be its priority (sd-daemon(3))."""


class PublishingService:
    """Publishes until it is to end, and takes up a new beacon.toml by itself.

    A file counts as whole *settle* seconds after it was touched last.
    """

    def __init__(
        self,
        make_machine: Callable[[], Machine],
        outside: Outside,
        settle: float = WHOLE,
    ) -> None:
        self._make_machine = make_machine
        self._outside = outside
        self._log = outside.log
        self._settle = settle
        self._is_over = False
        self._said: tuple[str, ...] = ()

    def run(self) -> None:
        """Publish; ConfigError where there is nothing to publish to, at the start."""
        machine = self._make_machine()
        # Before it is read: what is written while it is read must not pass for known.
        file = Watched(machine.paths.settings, self._settle)
        machine.require_write("endpoint publish")
        several = configured(machine)
        watch = self._outside.watch(machine.scope)
        watch.subscribe()
        while True:
            self._keep(machine, several, file, watch)
            if self._is_over:
                break
            following = Watched(machine.paths.settings, self._settle)
            newer = self._changed(machine)
            if not file.is_replaced():  # written again while it was read
                continue
            file = following
            if newer is not None:
                found = configured(newer) if newer.settings.publish else ()
                self._withdraw(machine, several, found)
                machine, several = newer, found
            if not several:
                self._log(f"{machine.paths.settings} has nothing to publish to any more")
                break
        self._outside.notifier.stopping()

    def _keep(self, machine: Machine, several: Sequence[Store], file: Watched, watch: Watch) -> None:
        """Keep the stores up to date until the end, or until beacon.toml is no longer the one of *file*."""

        def is_over() -> bool:
            return self._is_over or file.is_replaced()

        threads = [
            PublisherThread(
                machine.publisher_of(store), machine.store.record(store.where), store.refresh, self._log
            )
            for store in several
        ]
        read, read_stopped = self._readers(machine, several, watch)
        inputs = Inputs(read, read_stopped, machine.store.stamp, is_over, self._log)
        try:
            run_loop(threads, watch, inputs, self._outside.notifier)
        finally:
            for thread in threads:
                thread.end(_PATIENCE)

    def _readers(
        self, machine: Machine, several: Sequence[Store], watch: Watch
    ) -> tuple[Callable[[], Snapshot], Callable[[], Snapshot | None]]:
        """Return what reads all services, and what only sees which of them have stopped."""
        services = InstalledServices(machine.store, watch.states, lambda: machine.engine.containers())  # noqa: PLW0108

        def snapshot(running: Mapping[str, RunningService]) -> Snapshot:
            found = contents(machine, several, running)
            problems = (*services.problems, *(error.message for error in found.errors.values()))
            for problem in problems:
                if problem not in self._said:
                    self._log(f"<4>{problem}")
            self._said = problems
            return Snapshot(found.entries, found.endpoints, found.services)

        def read_stopped() -> Snapshot | None:
            running = services.read_stopped()
            return None if running is None else snapshot(running)

        return lambda: snapshot(services.read()), read_stopped

    def _changed(self, machine: Machine) -> Machine | None:
        """Return the machine with its new beacon.toml; None where that makes no sense."""
        newer = self._make_machine()
        try:
            _ = newer.settings
        except BeaconError as error:
            self._log(f"<3>{error.message}")
            self._log(f"<4>{machine.paths.settings} makes no sense: what it said before counts")
            return None
        self._log(f"{machine.paths.settings} is new")
        return newer

    def _withdraw(self, machine: Machine, before: Sequence[Store], now: Sequence[Store]) -> None:
        """Take back what was published to stores that are published to no more."""
        here = {store.where for store in now}
        for store in before:
            if store.where not in here:
                record = machine.store.record(store.where)
                try:
                    with record.lock(wait=_PATIENCE):
                        bring_up_to_date(machine.publisher_of(store), {}, record)
                except BeaconError as error:
                    self._log(f"<4>what was published to {store.where} stays there: {error.message}")

    def end(self) -> None:
        """End soon; safe in a signal's handler."""
        self._is_over = True
