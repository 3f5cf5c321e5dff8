"""What runs, at which release, since when, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from beacon.model.notice import Notice
from beacon.model.release import Release, ServiceState, Waiting, text_digest
from beacon.model.runtime import Container, UnitState
from beacon.model.unit import PREFIX, unit_name
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.reconcile.approval import approval, what_to_do
from beacon.rollout.readings import readable
from beacon.state.store import LastCheck
from beacon.wire.release import release_info
from beacon.wire.status import Checked, DisplacedVolume, Quarantined, ServiceStatus, Status, WaitingRelease

_SHORT = 12
"""As many digits of a digest as people read."""


class StatusRequest(Struct, frozen=True):
    """Of which service; of all services if *service* is empty."""

    service: str = ""


def status(machine: Machine, request: StatusRequest, listener: Listener) -> Status:
    """Return what runs. Of one service the engine's word on its health is asked, too.

    Raises NoSuchServiceError, and AccessError if this user may not read what is remembered.
    """
    del listener  # it takes a moment
    names = machine.select([request.service] if request.service else None)
    found = machine.definitions()
    containers = machine.engine.containers() if request.service else {}
    checks = machine.store.load_checks().services
    units = _units(machine, names)
    states, unreadable = readable(machine.store, names)
    services = tuple(
        _service(
            states.get(name) or ServiceState(name),
            units[name],
            found.texts.get(name),
            checks.get(name),
            containers.get(name),
        )
        for name in names
    )
    return Status(
        scope=machine.scope.value,
        engine=machine.engine_kind.value,
        engine_version=str(machine.engine.version()) if request.service else None,
        services=tuple(one if one.name in states else _damaged(one) for one in services),
        warnings=(*found.warnings, *(Notice(f"{one.service}: {one.detail}", one.hint) for one in unreadable)),
    )


def _units(machine: Machine, names: Sequence[str]) -> dict[str, UnitState]:
    """Return the state of each service's unit, as far as possible with one question for all of them."""
    listed = machine.systemd.listed(f"{PREFIX}*.service")
    missing = [unit_name(name) for name in names if unit_name(name) not in listed]
    states = {**listed, **(machine.systemd.states(missing) if missing else {})}
    return {name: states[unit_name(name)] for name in names}


def _service(
    state: ServiceState,
    unit: UnitState,
    text: str | None,
    check: LastCheck | None,
    container: Container | None,
) -> ServiceStatus:
    live = state.live_release
    changed = text is not None and live is not None and text_digest(text) != live.definition
    applied = _unapplied(live, unit, changed=changed, defined=text is not None)
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
        quarantine=tuple(
            Quarantined(digest=one.digest, since=one.since, reason=one.reason) for one in state.quarantine
        ),
        waiting=tuple(_waiting(state.name, one) for one in state.waiting),
        rollout=state.rollout.phase.value if state.rollout else None,
        definition_changed=changed,
        notes=(*applied, *_notes(state, unit, check)),
        checked=Checked(at=check.at, outcome=check.outcome, detail=check.detail) if check else None,
    )


def _waiting(name: str, waiting: Waiting) -> WaitingRelease:
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


def _damaged(service: ServiceStatus) -> ServiceStatus:
    return replace(service, damaged=True, notes=("what is remembered of it cannot be read",))


def _unapplied(live: Release | None, unit: UnitState, *, changed: bool, defined: bool) -> tuple[str, ...]:
    if not defined:
        return ("its definition is gone",)
    if live is None:
        there = unit.load != "not-found"
        return ("installed, but nothing is remembered of it" if there else "not applied yet",)
    return ("definition changed, not applied",) if changed else ()


def _waiting_note(name: str, waiting: Waiting) -> str:
    return "approved, not rolled out yet" if waiting.approved else f"waits: {approval(name, waiting)}"


def _notes(state: ServiceState, unit: UnitState, check: LastCheck | None) -> Iterator[str]:
    """Yield what the owner should know."""
    live = state.live_release
    if live is not None and live.state == "failed":
        yield f"release {live.number} failed"
    if state.rollout is not None:
        yield f"rollout of release {state.rollout.release}: {state.rollout.phase}"
    if unit.sub.startswith("auto-restart"):
        yield "fails, and is started again"
    if state.hold is not None:
        yield "held"
    yield from (_waiting_note(state.name, one) for one in state.waiting)
    for entry in state.quarantine[-1:]:
        yield f"quarantined: {entry.digest.partition(':')[2][:_SHORT]}"
    if live is not None and live.service.update.follow == "pinned":
        yield "pinned"
    if check is not None and check.outcome in {"unchecked", "deferred"}:
        yield check.outcome.replace("unchecked", "could not check")
