"""beacon endpoint publish: telling stores which domains are answered, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from beacon.cli.arguments import Json
from beacon.cli.session import session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from beacon.cli.host import Host
    from beacon.cli.output import Output
    from beacon.endpoints.publisher import Change
    from beacon.endpoints.routes import Running
    from beacon.endpoints.stores import Store, Told
    from beacon.errors import BeaconError

_PATIENCE = 10.0
"""Seconds for another run that publishes to the same store to end."""


def register(group: typer.Typer) -> None:
    """Add the verb of this module to its group."""
    group.command()(publish)


def publish(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Publish now, in one pass, and end.")] = False,
    enable: Annotated[
        bool, typer.Option("--enable", help="Have systemd publish from now on, and after each boot.")
    ] = False,
    disable: Annotated[
        bool, typer.Option("--disable", help="Publish no more, and take back what was published.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Only show what would be published.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="With these two: an endpoint that is left out is an error.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Tell the stores of beacon.toml which domains are answered, and where.

    What is not up is taken back there, and so is what this machine published of services that are gone.
    Without an option it does so until it is stopped.
    """
    from beacon.cli import resident
    from beacon.errors import ExitStatus, UsageError

    if once + dry_run + enable + disable > 1:
        raise UsageError("--once, --dry-run, --enable and --disable exclude each other")
    if (strict or as_json) and not (once or dry_run):
        raise UsageError("--strict and --json go with --once and --dry-run")
    here = session(context)
    if enable or disable:
        (resident.enable if enable else resident.disable)(here.host())
        return
    if not once and not dry_run:
        resident.Resident(here.host).run()  # as `python -m beacon` does, without this module
        return
    host = here.host()
    if not dry_run:
        host.require_write("endpoint publish")
    one_pass = OnePass(host)
    if not dry_run:
        one_pass.run()
    one_pass.show(as_json=as_json)
    if one_pass.errors:
        raise one_pass.last_error(host.output)
    if strict and one_pass.left_out:
        raise typer.Exit(ExitStatus.DATAERR)


class OnePass:
    """One pass over all stores: what it takes, and what came of it."""

    def __init__(self, host: Host, *, withdraw: bool = False) -> None:
        from beacon.cli.look import Look
        from beacon.cli.stores import configured, told
        from beacon.endpoints.stores import stores
        from beacon.systemd.watch import UnitWatch

        self._host = host
        self._stores = stores(configured(host))
        running: Mapping[str, Running] = {}
        problems: tuple[str, ...] = ()
        if not withdraw:
            look = Look(host, lambda: UnitWatch(host.scope).states())
            running, problems = look(), look.problems
        self._told = told(host, self._stores, running)
        self.left_out = (*problems, *self._told.left_out)
        self.errors: dict[str, BeaconError] = dict(self._told.errors)
        self._done: dict[str, Change] = {}

    def run(self) -> None:
        """Bring every store up to date; one that fails keeps the others from nothing."""
        from beacon.endpoints.publisher import bring_up_to_date
        from beacon.errors import BeaconError
        from beacon.operations.machine import publisher_of

        for store in self._stores:
            if store.where in self.errors:
                continue
            record = self._host.store.record(store.where)
            try:
                with record.lock(wait=_PATIENCE):
                    wanted = self._told.wanted[store.where]
                    self._done[store.where] = bring_up_to_date(publisher_of(store), wanted, record)
            except BeaconError as error:
                self.errors[store.where] = error

    def last_error(self, output: Output) -> BeaconError:
        """Tell of all errors but the last, and return that one."""
        *others, last = self.errors.values()
        for error in others:
            output.error(error)
        return last

    def show(self, *, as_json: bool) -> None:
        """Print what was done, or what there is to do."""
        output = self._host.output
        deleted = {store.where: self._deleted(store) for store in self._stores}
        if as_json:
            output.json(
                {
                    "stores": [self._as_dict(store, deleted[store.where]) for store in self._stores],
                    "left_out": list(self.left_out),
                }
            )
            return
        for store in self._stores:
            if store.where in self._done:
                change = self._done[store.where]
                output.say(
                    f"{store.where}: {_keys(len(self._told.wanted[store.where]))}, "
                    f"{len(change.put)} written, {len(change.delete)} deleted"
                )
            elif store.where not in self.errors:
                _show_plan(output, store.where, self._told, deleted[store.where])
        for sentence in self.left_out:
            output.say(sentence)
        for other in self._forgotten():
            output.warn(f"what was published to {other} stays there, or until it expires")

    def _deleted(self, store: Store) -> tuple[str, ...]:
        if store.where in self._done:
            return self._done[store.where].delete
        written = self._host.store.record(store.where).load().keys
        return tuple(sorted(set(written) - set(self._told.wanted.get(store.where, written))))

    def _as_dict(self, store: Store, deleted: Sequence[str]) -> dict[str, object]:
        error = self.errors.get(store.where)
        wanted = self._told.wanted.get(store.where, {})
        return {
            "store": store.where,
            "published": {key: entry.value for key, entry in wanted.items()},
            "deleted": list(deleted),
            "written": sorted(self._done[store.where].put) if store.where in self._done else None,
            "done": store.where in self._done,
            "problem": error.message if error else None,
        }

    def _forgotten(self) -> list[str]:
        """Return the stores that are published to no more; they are warned of once."""
        here = {store.where for store in self._stores}
        others = [written for written in self._host.store.published() if written.store not in here]
        if self._done:
            from beacon.model.written import Written

            for written in others:
                self._host.store.record(written.store).save(Written(written.store))
        return [written.store for written in others]


def _show_plan(output: Output, where: str, told: Told, deleted: Sequence[str]) -> None:
    for key, entry in told.wanted[where].items():
        output.answer(f"{key} {entry.value}" if key != where else f"{key}:\n{entry.value.rstrip()}")
    for key in deleted:
        output.answer(f"{key} is deleted, where it is there")


def _keys(number: int) -> str:
    return f"{number} key" if number == 1 else f"{number} keys"
