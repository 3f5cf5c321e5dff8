"""Everything a rollout acts on, in one place."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from beacon.errors import BusyError
from beacon.model.event import Event, EventKind
from beacon.model.host import Engine as EngineKind
from beacon.model.reference import Digest, short
from beacon.model.release import Release
from beacon.model.runtime import UnitState
from beacon.model.service import Service
from beacon.model.unit import is_environment
from beacon.rollout.ports import (
    Clock,
    Engine,
    Files,
    HookRunner,
    Probe,
    Reporter,
    Store,
    Systemd,
    Traffic,
)


class NoTraffic:
    """Stands for the proxy where Beacon manages none."""

    def leads_to(self, service: str, ports: Iterable[int]) -> bool:
        """Say that no request comes by a proxy."""
        del service, ports
        return False

    def go_ahead(self, service: str, *, ahead: bool) -> None:
        """Do nothing."""

    def hold(self, service: str, *, held: bool) -> None:
        """Do nothing."""

    def connections(self, places: Iterable[tuple[str, int]]) -> int:
        """Return that there are none."""
        del places
        return 0

    def websockets(self, ports: Iterable[int]) -> int:
        """Return that there are none."""
        del ports
        return 0


@dataclass(frozen=True)
class World:
    """The ports of one machine, and the lock that keeps two threads from reloading systemd at once."""

    engine: Engine
    systemd: Systemd
    files: Files
    store: Store
    clock: Clock
    probe: Probe
    hooks: HookRunner
    reporter: Reporter
    fingerprint: Callable[[Service], str]
    engine_kind: Callable[[], EngineKind] = lambda: EngineKind.PODMAN
    """Which engine *engine* is."""
    engines: Mapping[EngineKind, Engine] = field(default_factory=dict)
    """All engines of the machine: a service may have to be moved from one to another."""
    helpers: Files | None = None
    """The folder of units that are forgotten with a boot; None where there are to be none."""
    traffic: Traffic = field(default_factory=NoTraffic)
    reloading: threading.Lock = field(default_factory=threading.Lock)

    def on(self, kind: str) -> World:
        """Return the same machine with the engine *kind*; where that is empty, with the one it has."""
        if not kind or kind == self.engine_kind():
            return self
        chosen = EngineKind(kind)
        return replace(self, engine=self.engines[chosen], engine_kind=lambda: chosen)

    def unit(self, name: str) -> UnitState:
        """Return the state of one unit; not-found where there is none."""
        return self.systemd.states([name])[name]

    @contextmanager
    def naming(self, service: str, image_id: Digest, *, wait: float) -> Iterator[None]:
        """Keep other processes from giving names to an image, or taking them off, while the block runs.

        Podman before 5 writes all names of an image anew when one changes, and loses those that come
        meanwhile. Raises BusyError after *wait* seconds in vain; that it waits is told of *service*.
        """
        name = naming_lock(image_id)
        what = f"another beacon is pulling or deleting image {short(image_id)}"
        with ExitStack() as lock:
            try:
                lock.enter_context(self.store.lock(name))
            except BusyError:
                self.reporter.note(service, f"waiting, {what}")
                try:
                    lock.enter_context(self.store.lock(name, wait=wait))
                except BusyError:
                    raise BusyError(what, hint="try again when it is done") from None
            yield

    def timestamp(self) -> str:
        """Return the time of now as states keep it: RFC 3339 in UTC, to the second."""
        return stamp(self.clock.now())

    def put_files(self, files: Mapping[str, str | None]) -> None:
        """Write and remove unit files, and have systemd read them; without files nothing is reloaded.

        An environment is there before a unit that needs it, and until systemd has forgotten the last one.
        """
        self._put(self.files, files)

    def put_helper(self, files: Mapping[str, str | None]) -> None:
        """Do the same with the units of a helper."""
        if self.helpers is not None:
            self._put(self.helpers, files)

    def _put(self, where: Files, files: Mapping[str, str | None]) -> None:
        if not files:
            return
        with self.reloading, self.store.lock("_reload", wait=60):
            # Two generators at once can write a broken unit (podman#29004): hence both locks.
            for name in sorted(files, key=is_environment, reverse=True):
                if files[name] is not None or not is_environment(name):
                    where.put(name, files[name])
            self.systemd.reload()
            for name in filter(is_environment, files):
                if files[name] is None:
                    where.put(name, None)

    def tell(self, kind: EventKind, message: str, release: Release, previous: Release | None = None) -> None:
        """Report a decision on a release."""
        self.reporter.event(
            Event(
                kind,
                release.service.name,
                message,
                release=release.number,
                digest=release.digest,
                previous_digest=previous.digest if previous else None,
            )
        )


def naming_lock(image_id: Digest) -> str:
    """Return the lock of an image's names, one of 256: for each image a file would be left in /run."""
    return f"_images-{image_id.rpartition(':')[2][:2]}"


def stamp(moment: datetime) -> str:
    """Return *moment* as RFC 3339 in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime:
    """Read what :func:`stamp` wrote."""
    return datetime.fromisoformat(text)
