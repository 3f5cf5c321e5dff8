"""beacon-endpoints.service: publishing as long as it runs."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from beacon.cli.ending import told as ended
from beacon.cli.output import Output
from beacon.cli.session import Session, chosen_scope
from beacon.endpoints.installed import Look
from beacon.endpoints.keeper import Keeper
from beacon.endpoints.publisher import bring_up_to_date
from beacon.endpoints.resident import Senses, View, keep
from beacon.endpoints.routes import Running
from beacon.endpoints.stores import Store
from beacon.errors import BeaconError
from beacon.model.host import Scope
from beacon.operations.endpoints.stores import configured, told
from beacon.operations.machine import Machine
from beacon.systemd.notify import Notifier
from beacon.systemd.watch import UnitWatch

_PATIENCE = 5.0
"""Seconds that a store has to end what it is being told."""
_WHOLE = 2.0
"""Seconds after which a file that nobody has touched since counts as written to its end."""


def main(options: Collection[str]) -> None:
    """Run `beacon OPTIONS endpoint publish` without the rest of the command line: it would stay."""
    output = Output()
    scope = chosen_scope("--user" in options, "--system" in options)
    with ended(output):
        keep_publishing(Session(scope, output).machine)


def keep_publishing(make_machine: Callable[[], Machine]) -> None:
    """Publish until SIGTERM or SIGINT. Raises ConfigError if beacon.toml names no store at the start."""
    resident = Resident(make_machine, UnitWatch)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: resident.end())
    resident.run()


class Resident:
    """Publishes until it is to end, and takes up a new beacon.toml by itself.

    A file counts as whole *settle* seconds after it was touched last.
    """

    def __init__(
        self,
        make_machine: Callable[[], Machine],
        make_watch: Callable[[Scope], UnitWatch],
        settle: float = _WHOLE,
    ) -> None:
        self._make_machine = make_machine
        self._make_watch = make_watch
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
        notifier = Notifier(os.environ)
        watch = self._make_watch(machine.scope)
        watch.subscribe()
        while True:
            self._keep(machine, several, file, watch, notifier)
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
                self._tell(f"{machine.paths.settings} has nothing to publish to any more")
                break
        notifier.stopping()

    def _keep(
        self, machine: Machine, several: Sequence[Store], file: Watched, watch: UnitWatch, notifier: Notifier
    ) -> None:
        """Keep the stores up to date until the end, or until beacon.toml is no longer the one of *file*."""

        def is_over() -> bool:
            return self._is_over or file.is_replaced()

        keepers = [
            Keeper(machine.publisher_of(store), machine.store.record(store.where), store.refresh, self._tell)
            for store in several
        ]
        look, glance = self._looker(machine, several, watch)
        senses = Senses(look, glance, machine.store.stamp, is_over, self._tell)
        try:
            keep(keepers, watch, senses, notifier)
        finally:
            for keeper in keepers:
                keeper.end(_PATIENCE)

    def _looker(
        self, machine: Machine, several: Sequence[Store], watch: UnitWatch
    ) -> tuple[Callable[[], View], Callable[[], View | None]]:
        """Return what looks at all services, and what only sees which of them have stopped."""
        look = Look(machine.store, watch.states, lambda: machine.engine.containers())  # noqa: PLW0108

        def view(running: Mapping[str, Running]) -> View:
            found = told(machine, several, running)
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

    def _changed(self, machine: Machine) -> Machine | None:
        """Return the machine with its new beacon.toml; None where that makes no sense."""
        newer = self._make_machine()
        try:
            _ = newer.settings
        except BeaconError as error:
            self._tell(f"<3>{error.message}")
            self._tell(f"<4>{machine.paths.settings} makes no sense: what it said before counts")
            return None
        self._tell(f"{machine.paths.settings} is new")
        return newer

    def _withdraw(self, machine: Machine, before: Sequence[Store], now: Sequence[Store]) -> None:
        """Take back what was told to stores that are told no more."""
        here = {store.where for store in now}
        for store in before:
            if store.where not in here:
                record = machine.store.record(store.where)
                try:
                    with record.lock(wait=_PATIENCE):
                        bring_up_to_date(machine.publisher_of(store), {}, record)
                except BeaconError as error:
                    self._tell(f"<4>what was published to {store.where} stays there: {error.message}")

    def end(self) -> None:
        """End soon; safe in a signal's handler."""
        self._is_over = True

    @staticmethod
    def _tell(text: str) -> None:
        """Write a line for the journal; its first characters may be its priority (sd-daemon(3))."""
        if "JOURNAL_STREAM" not in os.environ and text.startswith("<"):
            text = text[3:]
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


class Watched:
    """A file as it was when it was looked at first, and whether there is another in its place.

    Who writes a file may empty or remove it first. What is there for a moment is nothing to act on.
    """

    def __init__(self, path: Path, settle: float = _WHOLE) -> None:
        self._path = path
        self._settle = settle
        self._first = self._last = _stamp(path)
        self._since = 0.0

    def is_replaced(self) -> bool:
        """Say whether it is another, and has been the same one for some time."""
        now, newest = time.monotonic(), _stamp(self._path)
        if newest != self._last:
            self._last, self._since = newest, now
        return newest != self._first and now >= self._since + self._settle


def _stamp(path: Path) -> object:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ino, stat.st_size
