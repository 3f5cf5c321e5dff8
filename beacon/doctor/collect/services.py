"""The services: definitions, files, units, releases, and the timer that has them follow their images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from msgspec.structs import replace

from beacon.definition.endpoints.claims import claim_text
from beacon.doctor.collect.survey import TIMER, UPDATE, Survey
from beacon.doctor.judge.facts import (
    DefinitionFacts,
    FollowFacts,
    InstalledFile,
    ReleaseFacts,
    ServiceFacts,
    TakenEndpoint,
    TimerFacts,
    UnitFacts,
    UnnamedVolume,
)
from beacon.doctor.judge.reach import StartFacts
from beacon.endpoints.routing.applied import applied
from beacon.endpoints.routing.routes import routes
from beacon.errors import BeaconError, DefinitionError, Fault
from beacon.formats.moments import shown
from beacon.model.outcome import LastCheck, OutcomeKind
from beacon.model.reference import short
from beacon.model.release import Release, ServiceState, text_digest
from beacon.model.runtime import JobResult, UnitState
from beacon.model.unit import definition_of, is_job, service_files, unit_name
from beacon.rollout.checking.check import is_unclear
from beacon.rollout.handling.move import unnamed
from beacon.rollout.handling.requirements import MachineStock, lacks_to_start
from beacon.systemd.journal import last_job
from beacon.units.mark import read_mark


def timer(survey: Survey) -> TimerFacts:
    """Look at what looks for new images."""
    update = survey.units()[UPDATE]
    there = not update.program or Path(update.program).exists()
    return TimerFacts(survey.units()[TIMER], update, there, len(survey.definitions()))


def definitions(survey: Survey) -> DefinitionFacts:
    """Look for faults: in the texts, and in what this machine's engine can do with them."""
    services, faults = survey.decoded()
    texts = survey.definitions()
    try:
        states = survey.states()
    except BeaconError:
        return DefinitionFacts(len(texts), faults)
    found = list(faults)
    changed, unclear = [], []
    bare = [name for name in services if name not in states or states[name].live_release is None]
    lost = [name for name in bare if any(file in survey.installed() for file in service_files(name))]
    for name, service in services.items():
        live = states[name].live_release if name in states else None
        if live is None:
            continue
        if is_unclear(live):
            unclear.append(name)
        elif text_digest(texts[name]) != live.definition:
            changed.append(name)
        found += _render_faults(survey, replace(live, service=service))
    return DefinitionFacts(
        len(texts),
        tuple(dict.fromkeys(found)),
        tuple(changed),
        tuple(name for name in bare if name not in lost),
        tuple(lost),
        tuple(unclear),
    )


def _render_faults(survey: Survey, release: Release) -> tuple[Fault, ...]:
    try:
        survey.machine.renderer.files(release)
    except DefinitionError as error:
        return error.faults
    except BeaconError:
        return ()  # no engine, no template: others tell
    return ()


def files(survey: Survey) -> tuple[InstalledFile, ...]:
    """Look at the marks of the installed files."""
    defined = {file for name in survey.definitions() for file in service_files(name)}
    found = []
    for name, text in survey.installed().items():
        mark = read_mark(text)
        found.append(
            InstalledFile(
                name,
                service=(mark.service or "") if mark else "",
                marked=mark is not None,
                intact=mark is None or mark.intact,
                defined=name in defined,
            )
        )
    return tuple(found)


def services(survey: Survey) -> tuple[ServiceFacts, ...]:
    """Look at the units of the services that are installed."""
    states = survey.states()
    units = survey.units()
    jobs: dict[str, list[str]] = {}
    for file, text in sorted(survey.installed().items()):
        if is_job(file) and (service := definition_of(text)) is not None:
            jobs.setdefault(service, []).append(file)
    return tuple(
        ServiceFacts(
            name,
            (unit := units[unit_name(name)]),
            any(file in survey.installed() for file in service_files(name)),
            _lacked(survey, unit),
            tuple(units[job] for job in jobs.get(name, ())),
        )
        for name, state in states.items()
        if state.live is not None
    )


def starts(survey: Survey) -> StartFacts:
    """Look whether the machine has what services need for their next start."""
    survey.require_engine_access()
    tools, lacks = survey.machine.tools, {}
    stock, count = MachineStock(tools, with_room=False), 0  # the disk is judged for itself
    for name, state in survey.states().items():
        live = state.live_release
        if live is None or state.rollout is not None:
            continue
        count += 1
        seen = survey.units()[unit_name(name)]
        unit = UnitState(seen.name, "loaded", seen.active)
        # The ports of one that is up are its own.
        found = lacks_to_start(tools, live, live if unit.is_up else None, unit, stock)
        if found:
            lacks[name] = found
    return StartFacts(count, lacks)


def _lacked(survey: Survey, unit: UnitFacts) -> bool:
    """Say whether a unit that was never up in this boot had no chance."""
    if unit.load != "loaded" or unit.active != "inactive" or unit.up:
        return False
    last = last_job(unit.name, survey.machine.scope)
    return last is not None and last.result == JobResult.DEPENDENCY


def endpoints(survey: Survey) -> tuple[TakenEndpoint, ...]:
    """Look which endpoints of what runs another service has."""
    running = {}
    for name, state in survey.states().items():
        if state.live_release is not None:
            with suppress(DefinitionError):  # of the image's labels: told with its definition
                running[name] = applied(state, state.live_release)
    return tuple(
        TakenEndpoint(route.service, claim_text(route.endpoint), route.problem, route.mend)
        for route in routes(running)
        if route.taken
    )


def releases(survey: Survey) -> tuple[ReleaseFacts, ...]:
    """Look whether the images are on disk that services run, and that they go back to."""
    images = survey.images()
    ids = set(images.values())
    return tuple(
        ReleaseFacts(
            state.name,
            release.number,
            str(release.pinned),
            is_live=release.number == state.live,
            on_disk=str(release.pinned) in images or not release.image_ids.isdisjoint(ids),
        )
        for state in survey.states().values()
        # What has not been moved has its images with the other engine.
        if survey.engines().get(state.name, survey.kind()) is survey.kind()
        for release in _needed(state)
    )


def following(survey: Survey) -> FollowFacts:
    """Look which services a new image does not reach, and why."""
    lives = {name: live for name, state in survey.states().items() if (live := state.live_release)}
    checks = survey.machine.store.load_checks().services
    held = tuple(name for name in lives if survey.states()[name].hold is not None)
    pinned = tuple(name for name, live in lives.items() if live.service.is_pinned)
    passed_over = {
        name: detail
        for name in lives
        if (detail := _passed_over(survey.states()[name], checks.get(name))) is not None
    }
    return FollowFacts(passed_over, held, pinned)


def _passed_over(state: ServiceState, check: LastCheck | None) -> str | None:
    """Return which image a service does not get, and why; None once another one has taken its place.

    Nor is it told once its owner has said that he knows.

    It is told for as long as that is so, whatever the checks since have come to.
    """
    if not state.quarantine or state.quarantine[-1].acknowledged:
        return None
    if check is not None and check.outcome in _PASSED_OVER:
        return check.detail
    entry, pending = state.quarantine[-1], state.pending
    is_moved = pending is not None and pending.image.digest != entry.digest
    if is_moved or (check is not None and check.outcome in _SUPERSEDED):
        return None
    return f"{short(entry.tag_digest)} failed {shown(entry.since)}: {entry.reason}"


_PASSED_OVER = {kind.name.lower() for kind in (OutcomeKind.QUARANTINED, OutcomeKind.ROLLED_BACK)}
_SUPERSEDED = {
    kind.name.lower() for kind in (OutcomeKind.UP_TO_DATE, OutcomeKind.UPDATED, OutcomeKind.AVAILABLE)
}


def volumes(survey: Survey) -> tuple[UnnamedVolume, ...]:
    """Look for volumes that services have their data in and that go with their containers."""
    lives = {name: live for name, state in survey.states().items() if (live := state.live_release)}
    mounted = [
        UnnamedVolume(name, path, volume)
        for name, live in lives.items()
        for path, volume in unnamed(live).items()
    ]
    if not mounted:
        return ()
    survey.require_engine_access()
    engine = survey.machine.engine
    known = {name: engine.volume(name) for name in sorted({one.volume for one in mounted})}
    return tuple(one for one in mounted if (there := known[one.volume]) is not None and there.is_anonymous)


def _needed(state: ServiceState) -> Iterator[Release]:
    live = state.live_release
    previous = state.release(state.previous)
    if live is not None:
        yield live
        if previous is not None and previous.number < live.number:
            yield previous
