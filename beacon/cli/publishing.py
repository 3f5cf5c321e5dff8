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
    from beacon.definition.publishing import Publication
    from beacon.endpoints.publisher import Change, Publisher
    from beacon.endpoints.routes import Running
    from beacon.endpoints.stores import Store, Told
    from beacon.errors import BeaconError
    from beacon.model.host import Scope

_PATIENCE = 10.0
"""Seconds for another run that publishes to the same store to end."""


def register(group: typer.Typer) -> None:
    """Add the verb of this module to its group."""
    group.command()(publish)


def publish(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Publish now, in one pass, and end.")] = False,
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
    """
    from beacon.errors import ExitStatus, UsageError

    if not once and not dry_run:
        raise UsageError("say --once to publish now", hint="beacon endpoint publish --once")
    host = session(context).host()
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


def configured(host: Host) -> tuple[Publication, ...]:
    """Return what is published; ConfigError where that is nothing."""
    from beacon.errors import ConfigError

    if not host.settings.publish:
        raise ConfigError(
            f"there is nothing to publish to: {host.paths.settings} has no table such as [publish.redis]",
            hint="beacon.toml(5) has them all; an empty [publish.redis] is the Redis of this machine",
        )
    return host.settings.publish


def told(host: Host, stores: Sequence[Store], running: Mapping[str, Running]) -> Told:
    """Return what the stores are to say of the services *running*."""
    from beacon.endpoints.routes import routes
    from beacon.endpoints.stores import tell

    return tell(stores, running, routes(running), machine(host.scope), _template)


def publisher_of(store: Store) -> Publisher:
    """Return what writes to a store; where several tables name it, the first says how to get in."""
    from beacon.definition.publishing import EtcdAccess, RedisAccess

    access = store.publications[0].access
    if isinstance(access, RedisAccess):
        from beacon.endpoints.redis_store import RedisPublisher

        return RedisPublisher(access)
    if isinstance(access, EtcdAccess):
        from beacon.endpoints.etcd_store import EtcdPublisher

        return EtcdPublisher(access)
    from beacon.endpoints.file_store import FilePublisher
    from beacon.state.files import write_atomic

    return FilePublisher(access, write_atomic)


def machine(scope: Scope) -> str:
    """Return whose services these are: the machine's, or those of a user on it."""
    import getpass
    import platform

    from beacon.model.host import Scope

    return platform.node() if scope is Scope.SYSTEM else f"{getpass.getuser()}@{platform.node()}"


def _template(path: str) -> str:
    from pathlib import Path

    from beacon.errors import ConfigError
    from beacon.state.files import read_text

    text = read_text(Path(path))
    if text is None:
        raise ConfigError(
            f"there is no template {path}", hint="publish.file.template in beacon.toml names it"
        )
    return text


def _show_plan(output: Output, where: str, told: Told, deleted: Sequence[str]) -> None:
    for key, entry in told.wanted[where].items():
        output.answer(f"{key} {entry.value}" if key != where else f"{key}:\n{entry.value.rstrip()}")
    for key in deleted:
        output.answer(f"{key} is deleted, where it is there")


def _keys(number: int) -> str:
    return f"{number} key" if number == 1 else f"{number} keys"
