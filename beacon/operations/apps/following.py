"""Apps follow the catalog: a new revision of a manifest is rolled out as a whole, or waits for its owner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct, field
from msgspec.structs import replace

from beacon.catalog.manifest import read_manifest
from beacon.engine.hooks import MachineHooks
from beacon.errors import BeaconError
from beacon.model.notice import Notice
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.release import ServiceState, text_digest
from beacon.model.service import Apply
from beacon.operations.apps.changing import end_cut_off
from beacon.operations.apps.installing import ChangeRequest, change
from beacon.operations.apps.reading import App, load
from beacon.operations.apps.records import changes, installed, newer_entry
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.operations.running import watchable
from beacon.rollout.decisions.postponed import postponed
from beacon.wire.outcome import OutcomeInfo, Outcomes

_LIMIT = 7200.0
"""Seconds, as the timer's run has."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_NO_NEWS = {OutcomeKind.UP_TO_DATE, OutcomeKind.PINNED}


class FollowRequest(Struct, frozen=True):
    """Apps with which services; all if there are none."""

    services: tuple[str, ...] = ()


class Revision(Struct, frozen=True):
    """A newer manifest of an installed app."""

    app: App
    manifest: str
    """Its text."""
    number: int
    version: str
    notes: tuple[str, ...]
    """What its owner has to know first."""

    @property
    def title(self) -> str:
        """What people call it."""
        return f"revision {self.number} of the app, {self.version}"


class Followed(Struct, frozen=True):
    """What became of apps: of all their services at once, or of the main one if there is only news."""

    outcomes: tuple[OutcomeInfo, ...] = ()
    warnings: tuple[Notice, ...] = ()
    services: frozenset[str] = frozenset()
    """Those that are done with."""
    news: Mapping[str, Outcome] = field(default_factory=dict)

    def said(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Return *outcomes* of services with the news of their apps, unless they have news themselves."""
        return [
            self.news[one.service] if one.service in self.news and one.kind in _NO_NEWS else one
            for one in outcomes
        ]


def foresee(machine: Machine, names: Sequence[str]) -> Followed:
    """Return the news of apps with services in *names*; nothing is changed."""
    news = {}
    for one in _revisions(machine, names):
        stays = _why_not(machine, one, named=False)
        news[one.app.name] = Outcome(
            one.app.name,
            OutcomeKind.AVAILABLE,
            f"{one.title}, is in the catalog" if stays is None else stays.detail,
            f"beacon app update {one.app.name}" if stays is None else stays.hint,
            said="" if stays is None else "available, waits",
        )
    return Followed(news=news)


@watchable("app follow")
def follow_all(machine: Machine, request: FollowRequest, listener: Listener) -> Outcomes:
    """Bring all apps to their newest manifests as the timer does, and end what was cut off."""
    done = follow(machine, machine.select(request.services), listener, named=False)
    return Outcomes(services=done.outcomes, warnings=done.warnings)


def follow(machine: Machine, names: Sequence[str], listener: Listener, *, named: bool) -> Followed:
    """Bring apps with services in *names* to their newest manifests, one app after the other.

    *named* is whether the owner names the services, and waits. What was cut off before is ended first, of all
    apps if none is named: one that was cut off early, or late, has no services that anybody knows.
    """
    if machine.caller.is_confined:
        return _followed_outside(machine, names)
    ended = end_cut_off(machine, listener, names if named else None)
    found = Followed(ended.outcomes, ended.warnings, ended.services)
    for one in _revisions(machine, names):
        stays = _why_not(machine, one, named=named)
        if stays is None:
            found = _brought(machine, one, found, listener)
        else:
            found = replace(found, news={**found.news, one.app.name: stays})
    outcomes = tuple(one for one in found.outcomes if one.kind is not OutcomeKind.UNCHANGED)
    return replace(found, outcomes=outcomes)


def _followed_outside(machine: Machine, names: Sequence[str]) -> Followed:
    """Have a unit of its own bring apps: in the sandbox nobody writes definitions, or enters containers."""
    found = [(one, _why_not(machine, one, named=False)) for one in _revisions(machine, names)]
    begin = [one for one, stays in found if stays is None]
    warnings: tuple[Notice, ...] = ()
    if begin or changes(machine).names():
        command = (machine.caller.program, "app", "follow")
        fault = MachineHooks(machine.scope).outside(command, "Bring apps to their newest manifests", _LIMIT)
        if fault is not None:
            warnings = (Notice(f"not all apps are at their newest manifests: {fault}", "beacon app status"),)
    news = {one.app.name: stays for one, stays in found if stays is not None}
    return Followed(
        warnings=warnings, news={**news, **{one.app.name: _came_of(machine, one) for one in begin}}
    )


def _came_of(machine: Machine, one: Revision) -> Outcome:
    """Return what became of an app that another process was to bring to a newer manifest."""
    name = one.app.name
    if installed(machine).failed(name) == text_digest(one.manifest):
        why = f"{one.title}, failed; all of the app is back"
        return Outcome(name, OutcomeKind.ROLLED_BACK, why, f"beacon app update {name} tries it again")
    if newer_entry(machine, name) is None:
        return Outcome(name, OutcomeKind.UPDATED, one.title)
    return Outcome(name, OutcomeKind.FAILED, f"{one.title}, did not come", f"beacon app update {name}")


def _brought(machine: Machine, one: Revision, found: Followed, listener: Listener) -> Followed:
    try:
        done = change(machine, ChangeRequest(one.app.name, update=True), listener)
    except BeaconError as error:
        stays = _waits(one, error.message, error.hint)
        return replace(found, news={**found.news, one.app.name: stays})
    return replace(
        found,
        outcomes=(*found.outcomes, *done.outcomes),
        warnings=(*found.warnings, *done.warnings),
        services=found.services | set(one.app.services) | {info.service for info in done.outcomes},
    )


def _revisions(machine: Machine, names: Sequence[str]) -> Iterator[Revision]:
    """Yield the newer manifests of apps; what cannot be read is said by beacon app status."""
    for name in installed(machine).names():
        try:
            found = _revision(machine, name)
        except BeaconError:
            continue
        if found is not None and set(found.app.services) & set(names):
            yield found


def _revision(machine: Machine, name: str) -> Revision | None:
    entry = newer_entry(machine, name)
    if entry is None:
        return None
    app, manifest = load(machine, name), read_manifest(entry.text, file=str(entry.file))
    notes = tuple(one.note for one in manifest.upgrade if one.wait and one.revision > app.record.revision)
    return Revision(app, entry.text, manifest.app.revision, manifest.app.version, notes)


def _why_not(machine: Machine, one: Revision, *, named: bool) -> Outcome | None:
    """Return why an app is not brought to a newer manifest now, or None; windows do not count if *named*."""
    name, states = one.app.name, [machine.store.load(service) for service in one.app.services]
    if installed(machine).failed(name) == text_digest(one.manifest):
        why = f"{one.title}, is not tried again: the app went back"
        return Outcome(name, OutcomeKind.QUARANTINED, why, f"beacon app update {name} tries it")
    if one.notes:
        return _waits(one, " ".join(one.notes), f"beacon app update {name}")
    held = next((state.name for state in states if state.hold is not None), None)
    if held is not None:
        return _waits(one, f"{held} is held", f"beacon unhold {held}")
    if machine.tools.asks() or any(_asks(state) for state in states):
        return _waits(one, "its owner is to be asked", f"beacon app update {name}")
    now = machine.tools.clock.now()
    for state in states if not named else ():
        live = state.live_release
        policy = replace(live.service.update, min_age=0.0) if live is not None else None
        wait = postponed(policy, _LONG_AGO, now) if policy is not None else None
        if wait is not None:
            return _waits(one, wait.reason, f"beacon app update {name} does not wait", OutcomeKind.DEFERRED)
    return None


def _asks(state: ServiceState) -> bool:
    live = state.live_release
    return live is not None and live.service.update.apply is Apply.ASK


def _waits(one: Revision, why: str, hint: str | None, kind: OutcomeKind = OutcomeKind.WAITING) -> Outcome:
    return Outcome(one.app.name, kind, f"{one.title}, waits: {why}", hint)
