"""Publishing to stores which domains are answered, and where: one pass, or from now on."""

from __future__ import annotations

from msgspec import Struct

from beacon.endpoints.routing.stores import Store
from beacon.endpoints.stores.one_pass import Pass
from beacon.errors import MachineError
from beacon.model.notice import Notice
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.wire.endpoints import Publication, PublishedStore

UNIT = "beacon-endpoints.service"
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
    made = Pass(machine)
    if not request.dry_run:
        made.run()
    return _publication(made)


def enable_publishing(machine: Machine, listener: Listener) -> Publication:
    """Publish once, and have systemd do so from now on, and after each boot.

    What is wrong with a store is in the answer, and is tried again until it works. Raises MachineError if
    the unit does not start.
    """
    del listener
    machine.require_write("endpoint publish --enable")
    made = Pass(machine)
    made.run()
    machine.systemd.enable(UNIT)
    result = machine.systemd.restart(UNIT, _START_LIMIT)
    if result != "done":
        raise MachineError(
            f"{UNIT} does not start: {machine.systemd.last_words(UNIT) or result}",
            hint=f"journalctl -u {UNIT}",
        )
    return _publication(made)


def disable_publishing(machine: Machine, listener: Listener) -> Publication:
    """Have systemd publish no more, and take back what this machine published."""
    del listener
    machine.require_write("endpoint publish --disable")
    machine.systemd.disable(UNIT)
    machine.systemd.stop(UNIT, _START_LIMIT)
    if not machine.settings.publish:
        return Publication(stores=(), left_out=())
    made = Pass(machine, withdraw=True)
    made.run()
    return _publication(made)


def _publication(made: Pass) -> Publication:
    """Return what was done, or what there is to do."""
    return Publication(
        stores=tuple(_published(made, store) for store in made.stores),
        left_out=made.left_out,
        warnings=tuple(
            Notice(f"what was published to {store} stays there, or until it expires")
            for store in made.former_stores()
        ),
    )


def _published(made: Pass, store: Store) -> PublishedStore:
    error, done = made.errors.get(store.where), made.done.get(store.where)
    return PublishedStore(
        store=store.where,
        published={key: entry.value for key, entry in made.entries.get(store.where, {}).items()},
        deleted=made.deleted(store),
        written=tuple(sorted(done.put)) if done is not None else None,
        done=done is not None,
        problem=error.message if error else None,
        fix=error.hint if error else None,
        status=error.status if error else 0,
    )
