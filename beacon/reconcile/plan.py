"""Makes the plan that brings what is installed to what is desired; pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property

from msgspec import Struct, field

from beacon.model.machine import Engine
from beacon.model.plan import (
    Conflict,
    CopyVolumes,
    DaemonReload,
    Kept,
    MoveService,
    Plan,
    PullImage,
    Reason,
    ReasonKind,
    RemoveFile,
    RestartUnit,
    StartUnit,
    Step,
    StopUnit,
    WriteFile,
)
from beacon.model.reference import ImageReference
from beacon.model.rollout.record import VolumeCopy
from beacon.model.runtime import UnitState
from beacon.model.unit import (
    PREFIX,
    FileSort,
    UnitFile,
    UnitFileName,
    engine_of,
    is_environment,
    service_files,
    unit_name,
)
from beacon.units.mark import Mark, read_mark

_MOUNTS = re.compile(r"^(?:Volume=|\s*--volume=)", re.MULTILINE)
_REFERENCE = re.compile(
    rf"(?<![\w.-])({PREFIX}[\w.-]+?)(?:\.(network|volume)|-(network|volume)\.service)(?![\w.-])"
)


_OF_JOBS = {FileSort.JOB, FileSort.TIMER}


class Desired(Struct, frozen=True, kw_only=True):
    """What the definitions ask for."""

    files: Mapping[str, tuple[UnitFile, ...]]
    """Of every service; the file of a network is given by each service that is on it."""
    pulls: Mapping[str, ImageReference] = field(default_factory=dict)
    """Service → the image, by digest, that is not on disk."""
    copies: Mapping[str, tuple[VolumeCopy, ...]] = field(default_factory=dict)
    """Service → the volumes that it gets as copies."""
    stopped: frozenset[str] = frozenset()
    """Services that are not to be started, whatever else."""
    faulty: frozenset[str] = frozenset()
    """Services that are defined but could not be rendered: what they have installed is left alone."""


class Observed(Struct, frozen=True, kw_only=True):
    """What the machine has."""

    files: Mapping[str, str]
    """Name → text of every beacon-* file in the folder."""
    units: Mapping[str, UnitState]
    """By unit; one that is missing counts as not found."""
    unfinished: frozenset[str] = frozenset()
    """Services whose files were written by a run that ended before it had restarted them."""
    lost: frozenset[str] = frozenset()
    """Services of which nothing is remembered, and that do not run what their files say."""


def make_plan(desired: Desired, observed: Observed, *, overwrite: bool = False) -> Plan:
    """Return the plan; with *overwrite*, files that were changed by hand are written and removed too."""
    return _Planning(desired, observed, overwrite).run()


class _Planning:
    def __init__(self, desired: Desired, observed: Observed, overwrite: bool) -> None:  # noqa: FBT001  # internal
        self.desired = desired
        self.observed = observed
        self.overwrite = overwrite
        self.marks = {name: read_mark(text) for name, text in observed.files.items()}
        self.users: dict[str, list[str]] = {}
        self.texts: dict[str, str] = {}
        self.conflicts: list[Conflict] = []
        self.kept: list[Kept] = []
        self.blocked: set[str] = set()

    def run(self) -> Plan:
        self._gather()
        writes = tuple(self._writes())
        removals = tuple(self._removals(writes))
        stops = tuple(self._stops(removals))
        written = {write.name for write in writes}
        starts = tuple(self._starts(written))
        moves = tuple(self._moves(written))
        copies = tuple(self._copies({move.services for move in moves}))
        # An environment is there before the unit that needs it, and until systemd has read the next one.
        later = tuple(one for one in removals if is_environment(one.name))
        before = tuple(one for one in removals if one not in later)
        steps: tuple[Step, ...] = (*self._pulls(), *moves, *copies, *stops, *before, *writes)
        steps += (*self._reload((*removals, *writes)), *later, *starts)
        return Plan(steps, tuple(self.conflicts), tuple(self.kept))

    def _gather(self) -> None:
        """Find which services want which file, and what stands in their way."""
        clashes: set[str] = set()
        for service, files in sorted(self.desired.files.items()):
            for file in files:
                self.users.setdefault(file.name, []).append(service)
                if self.texts.setdefault(file.name, file.text) != file.text:
                    clashes.add(file.name)
        for name, users in sorted(self.users.items()):
            if name in clashes:
                sentence = f"{name} would be a different file for each of {_listed(users)}; rename one"
            elif name in self.observed.files and self.marks[name] is None:
                sentence = (
                    f"{name} was not made by Beacon and is left alone; move it away or rename the service"
                )
            else:
                continue
            self.conflicts.append(Conflict(name=name, services=tuple(users), sentence=sentence))
            self.blocked.update(users)

    def _pulls(self) -> Iterator[PullImage]:
        wanted: dict[ImageReference, list[str]] = {}
        for service, image in sorted(self.desired.pulls.items()):
            if service not in self.blocked and service in self.desired.files:
                wanted.setdefault(image, []).append(service)
        for image, services in wanted.items():
            reason = Reason(ReasonKind.ABSENT_IMAGE, f"{_listed(services)} runs it and it is not on disk")
            yield PullImage(services=tuple(services), image=image, reason=reason)

    def _writes(self) -> Iterator[WriteFile]:
        for name, text in sorted(self.texts.items(), key=lambda one: (not is_environment(one[0]), one[0])):
            users = tuple(user for user in self.users[name] if user not in self.blocked)
            old = self.observed.files.get(name)
            if not users or old == text:
                continue
            mark = self.marks.get(name)
            if mark is not None and not mark.intact and not self.overwrite:
                self._keep(name, users, "is not brought up to date")
                continue
            yield WriteFile(services=users, name=name, text=text, old=old, reason=_write_reason(name, mark))

    def _removals(self, writes: tuple[WriteFile, ...]) -> Iterator[RemoveFile]:
        """Yield the files that nothing needs: marked, not desired, and not used by one that stays."""
        candidates: list[tuple[str, Mark]] = []
        for name, mark in sorted(self.marks.items()):
            if mark is None or name in self.texts or self._is_protected(mark):
                continue
            if mark.intact or self.overwrite:
                candidates.append((name, mark))
            else:
                self._keep(name, self._owners(name, mark), "is not removed though nothing defines it")
        if not candidates:
            return
        gone = {name for name, _ in candidates}
        made_otherwise = {_parsed(name) for name in self.texts}
        staying = {name: used for name, used in self.references.items() if name not in gone}
        staying |= {write.name: _references(write.text) for write in writes}
        needed = frozenset().union(*staying.values())
        for name, mark in candidates:
            if _parsed(name) not in needed or _parsed(name) in made_otherwise:
                owners = self._owners(name, mark)
                reason = _removal_reason(name, mark, self.desired, self.observed)
                yield RemoveFile(services=owners, name=name, old=self.observed.files[name], reason=reason)

    def _moves(self, written: set[str]) -> Iterator[MoveService]:
        """Yield the services that docker runs and Podman is to run, with the volumes that go with them."""
        for service in self._planned():
            _, plain = service_files(service)
            after = next((name for name in service_files(service) if name in written), None)
            if after is None or engine_of(self.observed.files.get(plain, "")) is not Engine.DOCKER:
                continue
            if engine_of(self.texts[after]) is not Engine.DOCKER:
                volumes = tuple(copied.target for copied in self.desired.copies.get(service, ()))
                sentence = f"{service} moves from docker to Podman; what docker has of its data stays there"
                yield MoveService(
                    services=(service,),
                    source="docker",
                    volumes=volumes,
                    reason=Reason(ReasonKind.MOVED, sentence),
                )

    def _copies(self, moving: Collection[tuple[str, ...]]) -> Iterator[CopyVolumes]:
        """Yield the services whose volumes get names, less those that move anyway."""
        for service in self._planned():
            copies = self.desired.copies.get(service, ())
            if not copies or (service,) in moving:
                continue
            sources = _listed([copied.source for copied in copies])
            sentence = f"{service} has data in what never had a name: {sources}, which the engine keeps"
            volumes = tuple(copied.target for copied in copies)
            reason = Reason(ReasonKind.NAMED, sentence)
            yield CopyVolumes(services=(service,), volumes=volumes, reason=reason)

    def _is_protected(self, mark: Mark) -> bool:
        return mark.service is not None and mark.service in self.desired.faulty | self.blocked

    def _owners(self, name: str, mark: Mark) -> tuple[str, ...]:
        """Return the services that have the installed file *name*."""
        if mark.service is not None:
            return (mark.service,)
        parsed = _parsed(name)
        return tuple(sorted(self.referrers.get(parsed, ()))) if parsed is not None else ()

    @cached_property
    def references(self) -> Mapping[str, frozenset[UnitFileName]]:
        """What each installed file refers to; only removals ask."""
        return {name: _references(text) for name, text in self.observed.files.items()}

    @cached_property
    def referrers(self) -> Mapping[UnitFileName, set[str]]:
        """The services whose installed files refer to each file."""
        found: dict[UnitFileName, set[str]] = {}
        for file, mark in self.marks.items():
            if mark is not None and mark.service is not None:
                for parsed in self.references[file]:
                    found.setdefault(parsed, set()).add(mark.service)
        return found

    def _stops(self, removals: tuple[RemoveFile, ...]) -> Iterator[StopUnit]:
        """Stop what a service that is gone has running: the container first, then its volumes' units."""
        removed = {removal.name for removal in removals}
        for sort in (FileSort.CONTAINER, FileSort.VOLUME, FileSort.NETWORK, FileSort.SLICE):
            for removal in removals:
                parsed = _parsed(removal.name)
                if parsed is None or parsed.sort is not sort or not self._state(parsed.unit).is_up:
                    continue
                service = next(iter(removal.services), "")
                whole = service not in self.desired.files and not removed.isdisjoint(service_files(service))
                if whole and sort is not FileSort.NETWORK:
                    yield StopUnit(services=removal.services, unit=parsed.unit, reason=removal.reason)

    def _reload(self, changes: tuple[RemoveFile | WriteFile, ...]) -> Iterator[DaemonReload]:
        changed = {service for change in changes for service in change.services}
        pending = {service for service in self._planned() if self._needs_reload(service)}
        if changes:
            reason = Reason(ReasonKind.FILES, "systemd must read the changed files")
        elif pending:
            reason = Reason(ReasonKind.NOT_LOADED, f"systemd has not read the files of {_listed(pending)}")
        else:
            return
        yield DaemonReload(services=tuple(sorted(changed | pending)), reason=reason)

    def _planned(self) -> list[str]:
        return [service for service in sorted(self.desired.files) if service not in self.blocked]

    def _needs_reload(self, service: str) -> bool:
        if service in self.desired.faulty or not any(
            file in self.observed.files for file in service_files(service)
        ):
            return False
        return service in self.observed.unfinished or self._state(unit_name(service)).load == "not-found"

    def _starts(self, written: set[str]) -> Iterator[StartUnit | RestartUnit]:
        for service in self._planned():
            unit = unit_name(service)
            reason = self._start_reason(service, written)
            if reason is None:
                continue
            if self._state(unit).is_up:
                yield RestartUnit(services=(service,), unit=unit, reason=reason)
            elif service not in self.desired.stopped:
                yield StartUnit(services=(service,), unit=unit, reason=reason)

    def _start_reason(self, service: str, written: set[str]) -> Reason | None:
        """Return why the unit of *service* is to be started or restarted, or None where it is not."""
        file = next((name for name in service_files(service) if name in self.texts), "")
        state = self._state(unit_name(service))
        if file not in self.observed.files:
            return self._first_reason(service, state) if file in written else None
        halted = self._halted(service, state)
        if halted is None and file in written and state.is_up:
            return Reason(ReasonKind.CHANGED, f"{service} runs with what its file said before")
        return halted

    def _halted(self, service: str, state: UnitState) -> Reason | None:
        """Return why a service that is installed does not run as its file says, or None."""
        if service in self.observed.unfinished:
            return Reason(ReasonKind.UNFINISHED, f"an earlier run ended before {service} had been restarted")
        if service in self.observed.lost:
            sentence = f"{service} does not run what its file says, and nothing is remembered of it"
            return Reason(ReasonKind.LOST, sentence)
        if state.load == "not-found":
            return Reason(ReasonKind.NOT_LOADED, f"systemd has not read the files of {service}")
        if state.active == "failed":
            return Reason(ReasonKind.FAILED, f"{service} has failed")
        return None

    def _first_reason(self, service: str, state: UnitState) -> Reason | None:
        """Return why a service whose file is written for the first time is started or restarted."""
        if all(name not in self.observed.files for name in service_files(service)):
            return Reason(ReasonKind.NEW, f"{service} is new")
        if state.is_up:
            return Reason(ReasonKind.CHANGED, f"{service} moves to another engine")
        return None

    def _state(self, unit: str) -> UnitState:
        return self.observed.units.get(unit) or UnitState(unit)

    def _keep(self, name: str, services: tuple[str, ...], consequence: str) -> None:
        sentence = f"{name} was changed by hand and {consequence}; drop-ins are the place for own directives"
        self.kept.append(Kept(name=name, services=services, sentence=sentence))


def _write_reason(name: str, mark: Mark | None) -> Reason:
    if mark is None:
        return Reason(ReasonKind.NEW, f"{name} is not there yet")
    if not mark.intact:
        return Reason(ReasonKind.EDITED, f"{name} was changed by hand and is overwritten")
    parsed = _parsed(name)
    if parsed is None or parsed.sort in {FileSort.CONTAINER, FileSort.SLICE, *_OF_JOBS}:
        return Reason(ReasonKind.CHANGED, f"{name} is not what the definition and the release say")
    who = "the engine" if name.endswith(".service") else "podman"
    return Reason(
        ReasonKind.CHANGED,
        f"{name} is not what it should be; {who} leaves the {parsed.sort} that is there as it is, "
        "and the file counts for a new one",
    )


def _removal_reason(name: str, mark: Mark, desired: Desired, observed: Observed) -> Reason:
    service = mark.service
    if service is None:
        return Reason(ReasonKind.UNUSED, f"no service uses {name} any longer")
    if service in desired.files:
        parsed = _parsed(name)
        kept = "; its data stays" if parsed is not None and parsed.sort is FileSort.VOLUME else ""
        return Reason(ReasonKind.UNUSED, f"{service} does not use {name} any longer{kept}")
    mounts = any(_MOUNTS.search(observed.files.get(file, "")) for file in service_files(service))
    kept = "; its data stays" if mounts else ""
    return Reason(ReasonKind.UNDEFINED, f"{service} is not defined any longer{kept}")


def _references(text: str) -> frozenset[UnitFileName]:
    """Return the files of networks and volumes that a unit file names, itself or by their units."""
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    return frozenset(
        UnitFileName(stem, FileSort(file or unit)) for stem, file, unit in _REFERENCE.findall(lines)
    )


def _parsed(name: str) -> UnitFileName | None:
    return UnitFileName.parse(name)


def _listed(names: list[str] | set[str]) -> str:
    return ", ".join(sorted(names))
