"""What runs, at which release, since when, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from beacon.errors import MachineError
from beacon.formats.moments import stamp
from beacon.model.machine import Engine
from beacon.model.notice import Notice
from beacon.model.outcome import LastCheck
from beacon.model.release import AwaitingApproval, Pending, Quarantine, Release, ServiceState, text_digest
from beacon.model.runtime import UnitState
from beacon.model.service import Port
from beacon.model.unit import PREFIX, TIMER, job_of, slice_name, unit_name
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.operations.services.jobs import job_statuses
from beacon.reconcile.approval import approval, what_to_do
from beacon.reconcile.notes import Seen, notes, unapplied
from beacon.reconcile.reached import published_ports, urls
from beacon.rollout.decisions.failing import Fails
from beacon.rollout.decisions.postponed import Postponed, next_check, update_waits
from beacon.rollout.fallen import down_because, failing
from beacon.rollout.readings import readable
from beacon.units.mounts import volume_name
from beacon.wire.held import held
from beacon.wire.release import release_info
from beacon.wire.status import (
    DisplacedVolume,
    Failing,
    PendingUpdate,
    PublishedPort,
    Quarantined,
    ServiceStatus,
    Status,
    UsageInfo,
    VolumeSize,
    WaitingRelease,
)


class StatusRequest(Struct, frozen=True):
    """Of which service; of all services if *service* is empty."""

    service: str = ""


def status(machine: Machine, request: StatusRequest, listener: Listener) -> Status:
    """Return what runs. Of one service the engine's word on its health is asked, and what it takes.

    Raises NoSuchServiceError, and AccessError if this user may not read what is remembered.
    """
    del listener  # it takes a moment
    names = machine.select([request.service] if request.service else None)
    found = machine.definitions()
    states, unreadable = readable(machine.store, names)
    observed = _Observed(machine, names, found.texts, alone=bool(request.service))
    doing, lost = _doing(machine, states.values())
    services = tuple(
        observed.at(states[name], doing.get(name, "")) if name in states else observed.damaged(name)
        for name in names
    )
    if request.service:
        services = tuple(_explained(machine, states.get(one.name), one) for one in services)
    return Status(
        scope=machine.scope.value,
        engine=machine.engine_kind.value,
        engine_version=str(machine.engine.version()) if request.service else None,
        services=services,
        next_run=stamp(observed.timer) if observed.timer is not None else None,
        warnings=(
            *found.warnings,
            *(Notice(f"{one.service}: {one.detail}", one.hint) for one in unreadable),
            *lost,
        ),
    )


def _units(
    machine: Machine, names: Sequence[str]
) -> tuple[dict[str, UnitState], Mapping[str, Sequence[str]]]:
    """Return the state of each service's unit, and which jobs of services failed when they ran last.

    That is asked with one question for all of them, as far as possible.
    """
    listed = machine.systemd.listed(f"{PREFIX}*.service")
    missing = [unit_name(name) for name in names if unit_name(name) not in listed]
    states = {**listed, **(machine.systemd.states(missing) if missing else {})}
    failed: dict[str, list[str]] = {}
    for service, job in (job_of(name) for name, unit in listed.items() if unit.active == "failed"):
        failed.setdefault(service, []).append(job)
    return {name: states[unit_name(name)] for name in names}, failed


def _doing(machine: Machine, states: Iterable[ServiceState]) -> tuple[dict[str, str], list[Notice]]:
    """Return the steps that the rollouts of services are at, and what is to be said of unreadable records."""
    doing, unreadable = {}, []
    for name in (state.name for state in states if state.rollout is not None):
        try:
            under_way = machine.store.rollout(name)
        except MachineError as error:
            unreadable.append(Notice(f"{name}: {error.message}", error.hint))
        else:
            doing[name] = under_way.doing if under_way is not None else ""
    return doing, unreadable


class _Observed:
    """What there is of services beside what is remembered; more of one that is asked for *alone*."""

    def __init__(
        self, machine: Machine, names: Sequence[str], texts: Mapping[str, str], *, alone: bool
    ) -> None:
        self._machine = machine
        self._texts = texts
        self._alone = alone
        self._now = datetime.now().astimezone()
        self._containers = machine.engine.containers() if alone else {}
        self._checks = machine.store.load_checks().services
        self._units, self._failed_jobs = _units(machine, names)
        self._failing = failing(machine.systemd, self._units.values())
        elapses = machine.systemd.next_elapse(TIMER)
        self.timer = datetime.fromtimestamp(elapses / 1e6, UTC) if elapses else None

    def at(self, state: ServiceState, doing: str) -> ServiceStatus:
        """Return the status of the service of *state*, whose rollout is at the step *doing*."""
        unit, check, live = self._units[state.name], self._checks.get(state.name), state.live_release
        text, container = self._texts.get(state.name), self._containers.get(state.name)
        changed = text is not None and live is not None and text_digest(text) != live.definition
        applied = unapplied(live, unit, changed=changed, defined=text is not None)
        fails, waits = self._failing.get(unit.name), update_waits(state, self._now)
        seen = Seen(
            unit, check.outcome if check else "", doing, str(fails or ""), waits.reason if waits else ""
        )
        return ServiceStatus(
            name=state.name,
            unit=unit.name,
            load=unit.load,
            active=unit.active,
            sub=unit.sub,
            started=unit.started or None,
            health=(container.health or None) if container else None,
            release=release_info(live) if live else None,
            previous=state.previous,
            held=state.hold is not None,
            quarantine=tuple(map(_quarantined, state.quarantine)),
            waiting=tuple(_waiting(state.name, one) for one in state.waiting),
            rollout=doing or None,
            definition_changed=changed,
            notes=(*applied, *notes(state, seen), *self._job_notes(state.name)),
            checked=check,
            ports=tuple(map(_port, published_ports(live))) if live else (),
            urls=urls(live) if live and self._machine.is_proxied else (),
            hold=held(state.hold),
            pending=_pending(state.pending, waits),
            failing=_failing(fails),
            next_check=self._next_check(state, check),
            usage=self._usage(live) if live and self._alone else None,
            jobs=tuple(job_statuses(self._machine.systemd, live)) if live and self._alone else (),
        )

    def _job_notes(self, name: str) -> list[str]:
        """Return which jobs of a service failed, unless each job is shown anyway."""
        return [] if self._alone else [f"job {job} failed" for job in self._failed_jobs.get(name, ())]

    def damaged(self, name: str) -> ServiceStatus:
        """Return the status of a service of which what is remembered cannot be read."""
        service = self.at(ServiceState(name), "")
        return replace(service, damaged=True, notes=("what is remembered of it cannot be read",))

    def _next_check(self, state: ServiceState, check: LastCheck | None) -> str | None:
        last = datetime.fromisoformat(check.answered or check.at) if check else None
        due = next_check(state, self.timer, last)
        return stamp(due) if due is not None else None

    def _usage(self, live: Release) -> UsageInfo:
        """Return what a service takes, its own volumes and those that it names included."""
        name, engine = live.service.name, self._machine.engine
        in_slice = self._machine.engine_kind is Engine.DOCKER
        used = self._machine.systemd.usage(slice_name(name) if in_slice else unit_name(name))
        others = [one.external for one in live.service.volumes if one.external is not None]
        sizes = engine.volume_sizes(name, others).items()
        named = [
            (one.external or volume_name(name, one.name or ""), one.kind) for one in live.service.volumes
        ]
        kinds = {volume: kind.value for volume, kind in named}
        return UsageInfo(
            memory=used.memory,
            cpu=None if used.cpu is None else used.cpu / 1e9,
            volumes=tuple(
                VolumeSize(volume=volume, bytes=size, kind=kinds.get(volume, "data"))
                for volume, size in sizes
            ),
        )


def _port(port: Port) -> PublishedPort:
    return PublishedPort(
        address=port.host_ip,
        port=port.host_port,
        container_port=port.container,
        count=port.count,
        protocol=port.protocol.value,
    )


def _quarantined(one: Quarantine) -> Quarantined:
    return Quarantined(
        digest=one.digest,
        since=one.since,
        reason=one.reason,
        until=one.until or None,
        acknowledged=one.acknowledged or None,
    )


def _pending(pending: Pending | None, waits: Postponed | None) -> PendingUpdate | None:
    if pending is None or waits is None:
        return None
    return PendingUpdate(
        image=str(pending.reference),
        digest=pending.image.digest,
        since=pending.first_seen,
        until=stamp(waits.until) if waits.until is not None else None,
        reason=waits.reason,
    )


def _failing(fails: Fails | None) -> Failing | None:
    if fails is None:
        return None
    since = stamp(datetime.fromtimestamp(fails.since / 1e6, UTC)) if fails.since else None
    return Failing(how=fails.how, since=since, restarts=fails.restarts)


def _waiting(name: str, waiting: AwaitingApproval) -> WaitingRelease:
    return WaitingRelease(
        image=str(waiting.reference),
        digest=waiting.digest,
        since=waiting.since,
        reason=waiting.reason,
        volumes=tuple(
            DisplacedVolume(
                volume=one.volume, path=one.path, inside=one.inside or None, instead=tuple(one.instead)
            )
            for one in waiting.displaced
        ),
        approved=waiting.approved or None,
        command=approval(name, waiting),
        to_do=what_to_do(name, waiting),
    )


def _explained(machine: Machine, state: ServiceState | None, service: ServiceStatus) -> ServiceStatus:
    """Return *service* with a note on why it is down, if it is."""
    live = state.live_release if state is not None else None
    unit = machine.systemd.states([service.unit])[service.unit]
    if live is None or unit.load == "not-found" or not unit.is_down:
        return service
    return replace(service, notes=(*service.notes, down_because(machine.systemd, live, unit).value))
