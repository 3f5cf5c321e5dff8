"""One pass over all stores: what each is to say, and what came of publishing it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from beacon.endpoints.installed import InstalledServices
from beacon.endpoints.routing.publisher import Change, bring_up_to_date
from beacon.endpoints.routing.routes import RunningService
from beacon.endpoints.routing.stores import Store
from beacon.endpoints.stores.sources import Machine, configured, contents
from beacon.errors import BeaconError
from beacon.model.endpoints.written import Written
from beacon.model.unit import PREFIX

_PATIENCE = 10.0
"""Seconds for another run that publishes to the same store to end."""


class Pass:
    """One pass over the stores of a machine. A store that fails keeps the others from nothing.

    With *withdraw* all is to be taken back. Raises ConfigError if beacon.toml names no store.
    """

    def __init__(self, machine: Machine, *, withdraw: bool = False) -> None:
        self._machine = machine
        self.stores = configured(machine)
        running: Mapping[str, RunningService] = {}
        problems: tuple[str, ...] = ()
        if not withdraw:
            services = InstalledServices(
                machine.store,
                lambda: machine.systemd.active(f"{PREFIX}*.service"),
                lambda: machine.engine.containers(),  # noqa: PLW0108  # mostly no engine is needed
            )
            running, problems = services.read(), services.problems
        found = contents(machine, self.stores, running)
        self.entries = found.entries
        """Store → key → what it is to say."""
        self.left_out = (*problems, *found.left_out)
        """What is published to no store, and why."""
        self.errors: dict[str, BeaconError] = dict(found.errors)
        """Store → why nothing can be published there."""
        self.done: dict[str, Change] = {}
        """Store → what was changed there."""

    def run(self) -> None:
        """Bring every store up to date."""
        for store in self.stores:
            if store.where in self.errors:
                continue
            record = self._machine.store.record(store.where)
            try:
                with record.lock(wait=_PATIENCE):
                    publisher = self._machine.publisher_of(store)
                    self.done[store.where] = bring_up_to_date(publisher, self.entries[store.where], record)
            except BeaconError as error:
                self.errors[store.where] = error

    def deleted(self, store: Store) -> tuple[str, ...]:
        """Return the keys that were deleted in a store, or that are to be."""
        if store.where in self.done:
            return self.done[store.where].delete
        written = self._machine.store.record(store.where).load().keys
        return tuple(sorted(set(written) - set(self.entries.get(store.where, written))))

    def former_stores(self) -> Iterator[str]:
        """Yield the stores that are published to no more, each once after a pass was run."""
        here = {store.where for store in self.stores}
        for written in self._machine.store.published():
            if written.store in here:
                continue
            if self.done:
                self._machine.store.record(written.store).save(Written(written.store))
            yield written.store
