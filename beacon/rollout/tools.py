"""Everything a rollout acts on, in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from beacon.errors import BusyError, CanceledError, LimitError
from beacon.formats.moments import stamp
from beacon.model.event import Event, EventKind
from beacon.model.machine import Engine as EngineKind
from beacon.model.reference import Digest, ImageReference, short
from beacon.model.release import Release, ServiceState
from beacon.model.runtime import UnitState
from beacon.model.service import Service
from beacon.model.unit import is_job
from beacon.registry.limits import Limits, NoLimits
from beacon.registry.results import when
from beacon.rollout.ports import (
    Clock,
    Engine,
    Files,
    HookRunner,
    Probe,
    Progress,
    Reporter,
    StateStore,
    Surroundings,
    Systemd,
    Traffic,
)
from beacon.rollout.sharing.pulls import image_names_lock
from beacon.rollout.sharing.reloads import SharedReload
from beacon.rollout.sharing.secrets import NoSecrets, Secrets

_STOP_OF_JOB = 120.0
_SLICE = 1.0
"""Seconds for which a lock is waited for before it is asked whether it is still wanted."""


class NoTraffic:
    """Stands for the proxy where Beacon manages none."""

    def leads_to(self, service: str, ports: Iterable[int]) -> bool:
        """Say that no request comes by a proxy."""
        del service, ports
        return False

    def go_ahead(self, service: str, *, ahead: bool) -> None:
        """Do nothing."""

    def wait(self, service: str, *, waiting: bool) -> None:
        """Do nothing."""

    def connections(self, addresses: Iterable[tuple[str, int]]) -> int:
        """Return that there are none."""
        del addresses
        return 0

    def websockets(self, ports: Iterable[int]) -> int:
        """Return that there are none."""
        del ports
        return 0


class NoObstacles:
    """Stands for a machine of which nothing is known."""

    def absent(self, paths: Iterable[str]) -> frozenset[str]:
        """Return nothing."""
        del paths
        return frozenset()

    def listeners(self) -> frozenset[tuple[str, int, str]]:
        """Return nothing."""
        return frozenset()

    def room(self) -> Mapping[str, int]:
        """Return nothing."""
        return {}

    def memory(self) -> int:
        """Return that it is not known."""
        return 0


@dataclass(frozen=True)
class Tools:
    """The ports of one machine, and what keeps its threads out of each other's way."""

    engine: Engine
    systemd: Systemd
    files: Files
    store: StateStore
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
    reloads: SharedReload = field(default_factory=SharedReload)
    await_needed: Callable[[Service, Callable[[], None]], None] = lambda service, ask: None  # noqa: ARG005
    """Waits until the rollouts of what a service needs have ended; what it asks meanwhile may raise."""
    surroundings: Surroundings = field(default_factory=NoObstacles)
    secrets: Secrets = field(default_factory=NoSecrets)
    limits: Limits = field(default_factory=NoLimits)
    """The registries that ask for patience."""
    asks: Callable[[], bool] = lambda: False
    """Says whether owners are asked before an update, of services whose definitions do not say."""
    systemctl: str = "systemctl"
    """How it is called for these services, in what people are to type."""
    is_canceled: Callable[[], bool] = lambda: False
    """Says whether what is being done is not wanted any more; asked between steps and inside waits."""

    def on(self, kind: str) -> Tools:
        """Return the same machine with the engine *kind*; where that is empty, with the one it has."""
        if not kind or kind == self.engine_kind():
            return self
        chosen = EngineKind(kind)
        return replace(self, engine=self.engines[chosen], engine_kind=lambda: chosen)

    def undisturbed(self) -> Tools:
        """Return the same machine for what must be ended whether it is canceled or not: a way back."""
        return replace(self, is_canceled=lambda: False)

    def unless(self, unwanted: Callable[[], bool]) -> Tools:
        """Return the same machine for what is also canceled once *unwanted* says so."""
        return replace(self, is_canceled=lambda: self.is_canceled() or unwanted())

    def require_wanted(self) -> None:
        """Raise CanceledError once what is being done is not wanted any more."""
        if self.is_canceled():
            raise CanceledError("it was canceled")

    @contextmanager
    def asking(self, references: Iterable[ImageReference]) -> Iterator[None]:
        """Report that registries are asked for *references* while the block runs."""
        names = ", ".join(sorted({one.registry for one in references}))
        self.reporter.waiting("", f"asking {names}" if names else "")
        try:
            yield
        finally:
            self.reporter.waiting("", "")

    def pull(self, image: ImageReference, progress: Progress) -> Digest:
        """Fetch an image with the engine. LimitError where its registry asks for patience, or still does."""
        registry = image.registry
        left = self.limits.left(registry)
        if left:
            raise _spent(f"cannot pull {image}: {registry} asked to be left alone", registry, left)
        try:
            return self.engine.pull(image, progress)
        except LimitError as error:
            seconds = _AN_HOUR if error.retry_after is None else error.retry_after
            self.limits.note(registry, seconds)
            raise _spent(error.message, registry, seconds) from error

    def unit(self, name: str) -> UnitState:
        """Return the state of one unit; not-found where there is none."""
        return self.systemd.states([name])[name]

    @contextmanager
    def image_names(self, service: str, image_id: Digest, *, wait: float) -> Iterator[None]:
        """Keep other processes from giving names to an image, or taking them off, while the block runs.

        Podman before 5 writes all names of an image anew when one changes, and loses those that come
        meanwhile. Raises BusyError after *wait* seconds in vain; that it waits is reported of *service*.
        """
        name = image_names_lock(image_id)
        what = f"another beacon is pulling or deleting image {short(image_id)}"
        with ExitStack() as lock:
            try:
                lock.enter_context(self.store.lock(name))
            except BusyError:
                self.reporter.note(service, f"waiting, {what}")
                self._await_lock(name, lock, wait, what)
            yield

    def _await_lock(self, name: str, lock: ExitStack, wait: float, what: str) -> None:
        """Take a lock within *wait* seconds, and hear meanwhile that this is not wanted any more."""
        left = wait
        while True:
            self.require_wanted()
            try:
                lock.enter_context(self.store.lock(name, wait=min(left, _SLICE)))
            except BusyError:
                left -= _SLICE
                if left <= 0:
                    raise BusyError(what, hint="try again when it is done") from None
            else:
                return

    def timestamp(self) -> str:
        """Return the time of now as states keep it: RFC 3339 in UTC, to the second."""
        return stamp(self.clock.now())

    def put_files(self, files: Mapping[str, str | None]) -> None:
        """Write and remove unit files, and have systemd read them; without files nothing is reloaded.

        Who comes while systemd reads those of others shares the next reload with all who wait by then. A
        timer whose file goes would still elapse: it is stopped first.
        """
        for name, text in files.items():
            if text is None and is_job(name) and self.files.read(name) is not None:
                self.systemd.stop(name, _STOP_OF_JOB)
        if files:
            self.reloads.put(self.files.put, files, self._reloading, self.systemd.reload)

    def put_helper(self, files: Mapping[str, str | None]) -> None:
        """Do the same with the units of a helper."""
        if files and self.helpers is not None:
            self.reloads.put(self.helpers.put, files, self._reloading, self.systemd.reload)

    def _reloading(self) -> AbstractContextManager[None]:
        # Two generators at once can write a broken unit (podman#29004): nobody else writes under this lock.
        return self.store.lock("_reload", wait=60)

    def log(
        self,
        kind: EventKind,
        message: str,
        release: Release,
        previous: Release | None = None,
        *,
        saving: ServiceState | None = None,
    ) -> None:
        """Log a decision on a release, and save the state that it has led to, if there is one.

        A kill loses neither; MachineError where the state cannot be saved.
        """
        self.reporter.event(
            Event(
                kind,
                release.service.name,
                message,
                release=release.number,
                digest=release.digest,
                previous_digest=previous.digest if previous else None,
            ),
            saving,
        )


def _spent(what: str, registry: str, seconds: float) -> LimitError:
    hint = f"try again {when(seconds)}, or beacon login {registry}: who is logged in may pull more"
    return LimitError(what, hint=hint, retry_after=seconds)


_AN_HOUR = 3600.0
"""Seconds after which a registry that did not say when is asked again."""


def moment(text: str) -> datetime:
    """Read what :func:`stamp` wrote."""
    return datetime.fromisoformat(text)
