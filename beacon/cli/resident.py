"""beacon-endpoints.service: publishing as long as it runs, and having systemd start and stop that."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from beacon.errors import BeaconError, HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from beacon.cli.host import Host
    from beacon.endpoints.keeper import Keeper
    from beacon.endpoints.resident import View
    from beacon.endpoints.routes import Running
    from beacon.endpoints.stores import Store
    from beacon.systemd.notify import Notifier
    from beacon.systemd.watch import UnitWatch

UNIT = "beacon-endpoints.service"
_PATIENCE = 5.0
"""Seconds that a store has to end what it is being told."""
_START_LIMIT = 60.0
_WHOLE = 2.0
"""Seconds after which a file that nobody has touched since counts as written to its end."""


def main(options: Collection[str]) -> None:
    """Run `beacon OPTIONS endpoint publish` without the rest of the command line: it would stay."""
    from beacon.cli.ending import told
    from beacon.cli.output import Output
    from beacon.cli.session import Session, chosen_scope

    output = Output()
    scope = chosen_scope("--user" in options, "--system" in options)
    with told(output):
        Resident(lambda: Session(scope, output).host()).run()


class Resident:
    """Publishes until SIGTERM, and takes up a new beacon.toml by itself."""

    def __init__(self, make_host: Callable[[], Host]) -> None:
        self._make_host = make_host
        self._is_over = False
        self._said: tuple[str, ...] = ()

    def run(self) -> None:
        """Publish; ConfigError where there is nothing to publish to, at the start."""
        from beacon.systemd.notify import Notifier
        from beacon.systemd.watch import UnitWatch

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        host = self._make_host()
        # Before it is read: what is written while it is read must not pass for known.
        file = Watched(host.paths.settings)
        host.require_write("endpoint publish")
        several = _stores(host)
        notifier = Notifier(os.environ)
        watch = UnitWatch(host.scope)
        watch.subscribe()
        while True:
            self._keep(host, several, file, watch, notifier)
            if self._is_over:
                break
            following = Watched(host.paths.settings)
            newer = self._changed(host)
            if not file.is_replaced():  # written again while it was read
                continue
            file = following
            if newer is not None:
                found = _stores(newer) if newer.settings.publish else ()
                self._withdraw(host, several, found)
                host, several = newer, found
            if not several:
                self._tell(f"{host.paths.settings} has nothing to publish to any more")
                break
        notifier.stopping()

    def _keep(
        self, host: Host, several: Sequence[Store], file: Watched, watch: UnitWatch, notifier: Notifier
    ) -> None:
        """Keep the stores up to date until the end, or until beacon.toml is no longer the one of *file*."""
        from beacon.endpoints.resident import Senses, keep

        def is_over() -> bool:
            return self._is_over or file.is_replaced()

        keepers = [_keeper(host, store, self._tell) for store in several]
        look, glance = self._looker(host, several, watch)
        senses = Senses(look, glance, host.store.stamp, is_over, self._tell)
        try:
            keep(keepers, watch, senses, notifier)
        finally:
            for keeper in keepers:
                keeper.end(_PATIENCE)

    def _looker(
        self, host: Host, several: Sequence[Store], watch: UnitWatch
    ) -> tuple[Callable[[], View], Callable[[], View | None]]:
        """Return what looks at all services, and what only sees which of them have stopped."""
        from beacon.cli.look import Look
        from beacon.cli.stores import told
        from beacon.endpoints.resident import View

        look = Look(host, watch.states)

        def view(running: Mapping[str, Running]) -> View:
            found = told(host, several, running)
            problems = (*look.problems, *(error.message for error in found.errors.values()))
            for problem in problems:
                if problem not in self._said:
                    self._tell(f"<4>{problem}")
            self._said = problems
            return View(found.wanted, found.endpoints, found.services)

        def glance() -> View | None:
            running = look.glance()
            return None if running is None else view(running)

        return lambda: view(look()), glance

    def _changed(self, host: Host) -> Host | None:
        """Return the machine with its new beacon.toml; None where that makes no sense."""
        newer = self._make_host()
        try:
            _ = newer.settings
        except BeaconError as error:
            self._tell(f"<3>{error.message}")
            self._tell(f"<4>{host.paths.settings} makes no sense: what it said before counts")
            return None
        self._tell(f"{host.paths.settings} is new")
        return newer

    def _withdraw(self, host: Host, before: Sequence[Store], now: Sequence[Store]) -> None:
        """Take back what was told to stores that are told no more."""
        from beacon.endpoints.publisher import bring_up_to_date
        from beacon.operations.machine import publisher_of

        here = {store.where for store in now}
        for store in before:
            if store.where not in here:
                record = host.store.record(store.where)
                try:
                    with record.lock(wait=_PATIENCE):
                        bring_up_to_date(publisher_of(store), {}, record)
                except BeaconError as error:
                    self._tell(f"<4>what was published to {store.where} stays there: {error.message}")

    def _end(self, *_: object) -> None:
        self._is_over = True

    @staticmethod
    def _tell(text: str) -> None:
        """Write a line for the journal; its first characters may be its priority (sd-daemon(3))."""
        if "JOURNAL_STREAM" not in os.environ and text.startswith("<"):
            text = text[3:]
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def enable(host: Host) -> None:
    """Have systemd publish from now on, and after each boot."""
    from beacon.cli.publishing import OnePass
    from beacon.cli.stores import configured

    host.require_write("endpoint publish --enable")
    configured(host)
    one_pass = OnePass(host)
    one_pass.run()  # what is wrong with a store is told here, and not in a journal
    host.systemd.enable(UNIT)
    result = host.systemd.restart(UNIT, _START_LIMIT)
    if result != "done":
        raise HostError(
            f"{UNIT} does not start: {host.systemd.last_words(UNIT) or result}",
            hint=f"journalctl -u {UNIT}",
        )
    one_pass.show(as_json=False)
    host.output.say(f"{UNIT} keeps them up to date")
    if one_pass.errors:
        host.output.error(one_pass.last_error(host.output))
        host.output.say("it is tried again until it works")


def disable(host: Host) -> None:
    """Have systemd publish no more, and take back what this machine published."""
    from beacon.cli.publishing import OnePass

    host.require_write("endpoint publish --disable")
    host.systemd.disable(UNIT)
    host.systemd.stop(UNIT, _START_LIMIT)
    if host.settings.publish:
        one_pass = OnePass(host, withdraw=True)
        one_pass.run()
        if one_pass.errors:
            raise one_pass.last_error(host.output)
        one_pass.show(as_json=False)


def _stores(host: Host) -> tuple[Store, ...]:
    from beacon.cli.stores import configured
    from beacon.endpoints.stores import stores

    return stores(configured(host))


def _keeper(host: Host, store: Store, tell: Callable[[str], None]) -> Keeper:
    from beacon.endpoints.keeper import Keeper
    from beacon.operations.machine import publisher_of

    return Keeper(publisher_of(store), host.store.record(store.where), store.refresh, tell)


class Watched:
    """A file as it was when it was looked at first, and whether there is another in its place.

    Who writes a file may empty or remove it first. What is there for a moment is nothing to act on.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._first = self._last = _stamp(path)
        self._since = 0.0

    def is_replaced(self) -> bool:
        """Say whether it is another, and has been the same one for some time."""
        now, newest = time.monotonic(), _stamp(self._path)
        if newest != self._last:
            self._last, self._since = newest, now
        return newest != self._first and now >= self._since + _WHOLE


def _stamp(path: Path) -> object:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ino, stat.st_size
