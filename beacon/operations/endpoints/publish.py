"""Telling stores which domains are answered, and where: one pass, or from now on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from beacon.endpoints.installed import Look
from beacon.endpoints.publisher import Change, bring_up_to_date
from beacon.endpoints.routes import Running
from beacon.endpoints.stores import Store
from beacon.errors import BeaconError, HostError
from beacon.model.notice import Notice
from beacon.model.written import Written
from beacon.operations.endpoints.stores import configured, told
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.systemd.watch import UnitWatch
from beacon.wire.endpoints import Publication, PublishedStore

UNIT = "beacon-endpoints.service"
_PATIENCE = 10.0
"""Seconds for another run that publishes to the same store to end."""
_START_LIMIT = 60.0


class PublishRequest(Struct, frozen=True):
    """Whether it is only said what would be published."""

    dry_run: bool = False


def publish(machine: Machine, request: PublishRequest, listener: Listener) -> Publication:
    """Bring all stores up to date in one pass; one that fails keeps the others from nothing.

    What is not up is taken back there, and so is what this machine published of services that are gone.
    Raises ConfigError if beacon.toml names no store.
    """
    del listener
    if not request.dry_run:
        machine.require_write("endpoint publish")
    one_pass = _Pass(machine)
    if not request.dry_run:
        one_pass.run()
    return one_pass.answer()


def enable_publishing(machine: Machine, listener: Listener) -> Publication:
    """Publish once, and have systemd do so from now on, and after each boot.

    What is wrong with a store is in the answer, and is tried again until it works. Raises HostError if
    the unit does not start.
    """
    del listener
    machine.require_write("endpoint publish --enable")
    one_pass = _Pass(machine)
    one_pass.run()
    machine.systemd.enable(UNIT)
    result = machine.systemd.restart(UNIT, _START_LIMIT)
    if result != "done":
        raise HostError(
            f"{UNIT} does not start: {machine.systemd.last_words(UNIT) or result}",
            hint=f"journalctl -u {UNIT}",
        )
    return one_pass.answer()


def disable_publishing(machine: Machine, listener: Listener) -> Publication:
    """Have systemd publish no more, and take back what this machine published."""
    del listener
    machine.require_write("endpoint publish --disable")
    machine.systemd.disable(UNIT)
    machine.systemd.stop(UNIT, _START_LIMIT)
    if not machine.settings.publish:
        return Publication(stores=(), left_out=())
    one_pass = _Pass(machine, withdraw=True)
    one_pass.run()
    return one_pass.answer()


class _Pass:
    """One pass over all stores: what it takes, and what came of it."""

    def __init__(self, machine: Machine, *, withdraw: bool = False) -> None:
        self._machine = machine
        self._stores = configured(machine)
        running: Mapping[str, Running] = {}
        problems: tuple[str, ...] = ()
        if not withdraw:
            look = Look(
                machine.store,
                lambda: UnitWatch(machine.scope).states(),
                lambda: machine.engine.containers(),  # noqa: PLW0108  # most looks need no engine
            )
            running, problems = look(), look.problems
        self._told = told(machine, self._stores, running)
        self._left_out = (*problems, *self._told.left_out)
        self._errors: dict[str, BeaconError] = dict(self._told.errors)
        self._done: dict[str, Change] = {}

    def run(self) -> None:
        """Bring every store up to date."""
        for store in self._stores:
            if store.where in self._errors:
                continue
            record = self._machine.store.record(store.where)
            try:
                with record.lock(wait=_PATIENCE):
                    wanted = self._told.wanted[store.where]
                    self._done[store.where] = bring_up_to_date(
                        self._machine.publisher_of(store), wanted, record
                    )
            except BeaconError as error:
                self._errors[store.where] = error

    def answer(self) -> Publication:
        """Return what was done, or what there is to do."""
        return Publication(
            stores=tuple(self._answer(store) for store in self._stores),
            left_out=self._left_out,
            warnings=tuple(self._forgotten()),
        )

    def _answer(self, store: Store) -> PublishedStore:
        error, done = self._errors.get(store.where), self._done.get(store.where)
        wanted = self._told.wanted.get(store.where, {})
        return PublishedStore(
            store=store.where,
            published={key: entry.value for key, entry in wanted.items()},
            deleted=self._deleted(store),
            written=tuple(sorted(done.put)) if done is not None else None,
            done=done is not None,
            problem=error.message if error else None,
            fix=error.hint if error else None,
            status=error.status if error else 0,
        )

    def _deleted(self, store: Store) -> tuple[str, ...]:
        if store.where in self._done:
            return self._done[store.where].delete
        written = self._machine.store.record(store.where).load().keys
        return tuple(sorted(set(written) - set(self._told.wanted.get(store.where, written))))

    def _forgotten(self) -> Iterator[Notice]:
        """Yield the stores that are published to no more; they are warned of once."""
        here = {store.where for store in self._stores}
        for written in self._machine.store.published():
            if written.store in here:
                continue
            if self._done:
                self._machine.store.record(written.store).save(Written(written.store))
            yield Notice(f"what was published to {written.store} stays there, or until it expires")
