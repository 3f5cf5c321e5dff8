"""From definitions to a plan, and the execution of exactly that plan."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from beacon import __version__
from beacon.definition.loopback import PortsExhaustedError
from beacon.errors import BeaconError, BusyError, DefinitionError, Fault
from beacon.model.image import Platform, Wish
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.plan import MoveService, Plan, RemoveFile, RestartUnit, StartUnit, WriteFile
from beacon.model.reference import ImageReference
from beacon.model.release import Release, ServiceState, Trigger, VolumeCopy, Waiting
from beacon.model.runtime import UnitState
from beacon.model.service import Service
from beacon.model.unit import (
    PREFIX,
    UnitFile,
    is_environment,
    is_service_file,
    service_files,
    unit_name,
)
from beacon.reconcile.plan import Desired, Observed, make_plan
from beacon.rollout.candidates import Definition, Renderer, followed, make_release, renumbered
from beacon.rollout.check import unchecked
from beacon.rollout.decide import find_quarantine
from beacon.rollout.deploy import deploy
from beacon.rollout.move import installed_engine, perishable, secure, volume_copies
from beacon.rollout.namesakes import shared_volumes
from beacon.rollout.ports import Registry
from beacon.rollout.prepare import Work, reserving
from beacon.rollout.readings import readable
from beacon.rollout.removal import clear_away, drop_networks, stop_units
from beacon.rollout.takeover import TakenOver, TakeOver, record, unremembered
from beacon.rollout.waiting import causes_to_wait, mended_release, note_applied, outcome_of
from beacon.rollout.world import World
from beacon.units.mark import is_edited, read_mark


class Intent(Struct, frozen=True):
    """What a service is to run: the live release as it is, or a new one."""

    release: Release
    is_new: bool
    files: tuple[UnitFile, ...]
    live: int | None
    """The release that is live now."""
    beside: dict[str, str]
    """Files of the helper that can run it beside that one."""


class Proposal(Struct, frozen=True):
    """A plan, the releases that it brings about, and the services for which nothing can be planned."""

    plan: Plan
    intents: Mapping[str, Intent]
    waiting: Mapping[str, Waiting]
    """Why the releases of some services wait for their owner's word."""
    outcomes: tuple[Outcome, ...] = ()
    gone: frozenset[str] = frozenset()
    """The services that are removed, and forgotten."""
    taken: TakenOver = TakenOver()
    """What is to be remembered again of services whose states were lost."""


class Wanted(Struct, frozen=True, kw_only=True):
    """What is asked for: *definitions* of the services meant, *gone* ones, and how to treat them."""

    definitions: Mapping[str, Definition]
    gone: frozenset[str] = frozenset()
    """Services without a definition, to be removed."""
    everything: bool = False
    """Whether files of services that nobody knows any more are removed as well."""
    overwrite: bool = False
    retry: bool = False
    stopped: frozenset[str] = frozenset()
    trigger: Trigger = Trigger.APPLY


@dataclass
class _Choice:
    releases: dict[str, Release] = field(default_factory=dict)
    new: set[str] = field(default_factory=set)
    outcomes: list[Outcome] = field(default_factory=list)


class Proposer:
    """Works out what must be done; changes nothing."""

    def __init__(self, world: World, registry: Registry, renderer: Renderer, platform: Platform) -> None:
        self._world = world
        self._registry = registry
        self._renderer = renderer
        self._platform = platform

    def propose(self, wanted: Wanted, installed: Mapping[str, str]) -> Proposal:
        """Return the plan for *wanted* on a machine that has the files *installed*."""
        states, outcomes = readable(self._world.store, wanted.definitions)
        known = {name: wanted.definitions[name] for name in states}
        look = TakeOver(self._world, self._registry, self._renderer, self._platform)
        taken = look.look(known, states, unremembered(states.values(), installed.get))
        states |= taken.states
        known = {name: one for name, one in known.items() if name not in taken.unknown}
        outcomes += [unchecked(name, error) for name, error in taken.unknown.items()]
        intents, unable = self.intents(replace(wanted, definitions=known), states, installed, taken)
        outcomes += unable
        new = {name: intent.release for name, intent in intents.items() if intent.is_new}
        waiting = causes_to_wait(self._world, states, new)
        outcomes += [outcome_of(states[name], one) for name, one in waiting.items()]
        intents = {name: intent for name, intent in intents.items() if name not in waiting}
        loaded = self._world.systemd.listed(f"{PREFIX}*") if installed else {}
        desired = Desired(
            files={name: intent.files for name, intent in intents.items()},
            pulls=self._pulls(intents),
            copies=self._copies(intents, states),
            stopped=wanted.stopped | _stopped(intents, states, loaded),
            faulty=self._left_alone(wanted, intents, installed),
        )
        observed = Observed(
            files=installed,
            units=self._units({*intents, *wanted.gone}, installed, loaded),
            unfinished=frozenset(name for name, state in states.items() if state.rollout is not None),
            lost=taken.gone | taken.restored.keys(),
        )
        plan = make_plan(desired, observed, overwrite=wanted.overwrite)
        gone = wanted.gone
        if wanted.everything:
            gone |= _owners(installed) - set(wanted.definitions)
        return Proposal(plan, intents, waiting, tuple(outcomes), gone, taken)

    def intents(
        self,
        wanted: Wanted,
        states: Mapping[str, ServiceState],
        installed: Mapping[str, str],
        taken: TakenOver | None = None,
    ) -> tuple[dict[str, Intent], list[Outcome]]:
        """Return what each service is to run, and why that cannot be said of some.

        Raises DefinitionError with everything that cannot be rendered.
        """
        choice = self._choose(wanted, states, taken.restored if taken is not None else {})
        intents: dict[str, Intent] = {}
        faults: list[Fault] = []
        for name, release in choice.releases.items():
            state = states[name]
            edited = None if wanted.overwrite else _edited(name, installed)
            try:
                if edited is None:
                    intents[name] = self._intent(state, release, name in choice.new, wanted, installed)
                    made = intents[name].release
                    others = [one.release for other, one in intents.items() if other != name]
                    faults += perishable(self._world, state, made.service)
                    faults += shared_volumes(self._world, state, made, others)
                elif (kept := self._as_it_is(state, edited)) is not None:
                    intents[name] = kept
                else:
                    choice.outcomes.append(Outcome(name, OutcomeKind.HELD, f"{edited} was changed by hand"))
            except DefinitionError as error:
                faults += error.faults
            except PortsExhaustedError as error:
                choice.outcomes.append(Outcome(name, OutcomeKind.FAILED, error.message, error.hint))
        if faults:
            raise DefinitionError(faults)
        return intents, choice.outcomes

    def _choose(
        self, wanted: Wanted, states: Mapping[str, ServiceState], restored: Mapping[str, Release]
    ) -> _Choice:
        choice = _Choice(dict(restored), set(restored))
        asked: dict[str, Service] = {}
        for name, definition in wanted.definitions.items():
            if name in restored:
                continue
            state, service = states[name], definition.service
            live = state.live_release
            if live is not None and (live.service, live.service.given) == (service, service.given):
                choice.releases[name] = live
            elif live is not None and _same_image(live.service, service):
                mended = mended_release(state, live, service, wanted.trigger)
                if mended is not None:
                    choice.releases[name] = mended
                    choice.new.add(name)
                elif self._same_files(live, service):
                    choice.releases[name] = replace(live, service=service)
                else:
                    choice.releases[name] = renumbered(live, state, wanted.trigger, service)
                    choice.new.add(name)
            else:
                asked[name] = service
        wishes: dict[str, Wish] = {}
        for name, reference in followed(self._registry, asked).items():
            if isinstance(reference, BeaconError):
                choice.outcomes.append(unchecked(name, reference))
            else:
                wishes[name] = Wish(reference, asked[name].platform or self._platform, reference.digest)
        self._resolve(wanted, states, wishes, choice)
        return choice

    def _same_files(self, live: Release, service: Service) -> bool:
        """Say whether a changed definition changes only how Beacon treats the service: [update], [hooks]."""
        try:
            changed = self._renderer.allot(replace(live, service=service))
            return self._renderer.files(changed) == self._renderer.files(live)
        except (DefinitionError, PortsExhaustedError):
            return False  # said when the new release is rendered

    def _resolve(
        self,
        wanted: Wanted,
        states: Mapping[str, ServiceState],
        wishes: Mapping[str, Wish],
        choice: _Choice,
    ) -> None:
        resolutions = self._registry.resolve(wishes.values()) if wishes else {}
        for name, wish in wishes.items():
            resolution = resolutions[wish]
            if isinstance(resolution, BeaconError):
                choice.outcomes.append(unchecked(name, resolution))
                continue
            service = wanted.definitions[name].service
            choice.releases[name] = make_release(states[name], service, wish, resolution, wanted.trigger)
            choice.new.add(name)
        for name in sorted(choice.new):
            release = choice.releases[name]
            entry = find_quarantine(states[name], release.digest, self._world.fingerprint(release.service))
            if entry is not None and not wanted.retry:
                hint = f"change the definition, or beacon apply --retry {name}"
                choice.outcomes.append(
                    Outcome(name, OutcomeKind.QUARANTINED, f"not tried again: {entry.reason}", hint)
                )
                del choice.releases[name]

    def _intent(
        self,
        state: ServiceState,
        release: Release,
        is_new: bool,  # noqa: FBT001  # internal
        wanted: Wanted,
        installed: Mapping[str, str],
    ) -> Intent:
        text = wanted.definitions[state.name].digest
        release = self._renderer.allot(replace(release, definition=text, reader=__version__))
        files = self._renderer.files(release)
        if not is_new and _is_outdated(files, installed):
            # The same release is rendered differently now: Beacon, Podman or a template has changed.
            release = renumbered(release, state, wanted.trigger, release.service)
            files, is_new = self._renderer.files(release), True
        beside = self._renderer.beside(release) if is_new and state.live is not None else {}
        return Intent(release, is_new, files, state.live, beside)

    def _as_it_is(self, state: ServiceState, edited: str) -> Intent | None:
        """Return the live release, where it is what the file *edited* by hand was made for.

        What its owner wrote goes on, so that nothing of another release would run.
        """
        live = state.live_release
        files = self._renderer.files(live) if live is not None else ()
        if live is None or edited not in {file.name for file in files}:
            return None
        return Intent(live, is_new=False, files=files, live=state.live, beside={})

    def _pulls(self, intents: Mapping[str, Intent]) -> dict[str, ImageReference]:
        new = {name: intent.release for name, intent in intents.items() if intent.is_new}
        if not new:
            return {}
        present = self._world.engine.images()
        return {name: one.pinned for name, one in new.items() if str(one.pinned) not in present}

    def _copies(
        self, intents: Mapping[str, Intent], states: Mapping[str, ServiceState]
    ) -> dict[str, tuple[VolumeCopy, ...]]:
        """Return the volumes that services get as copies."""
        found = {}
        for name, intent in intents.items():
            live = states[name].live_release
            if intent.is_new and live is not None:
                runs, engine = installed_engine(self._world, name), self._world.engine_kind()
                former = runs if runs not in {None, engine} else None
                found[name] = volume_copies(live, intent.release, former or "")
        return found

    def _left_alone(
        self, wanted: Wanted, intents: Mapping[str, Intent], installed: Mapping[str, str]
    ) -> frozenset[str]:
        """Return the services whose files are not to be removed although nothing is desired for them."""
        named = set(wanted.definitions) - set(intents)
        if wanted.everything:
            return frozenset(named)
        return frozenset(named | (_owners(installed) - set(intents) - wanted.gone))

    def _units(
        self, names: Iterable[str], installed: Mapping[str, str], loaded: Mapping[str, UnitState]
    ) -> dict[str, UnitState]:
        """Return the states of the units that are *loaded*, and of those of *names* that are not."""
        there = [name for name in names if any(file in installed for file in service_files(name))]
        unloaded = [unit_name(name) for name in there if unit_name(name) not in loaded]
        return {**loaded, **(self._world.systemd.states(unloaded) if unloaded else {})}


def _stopped(
    names: Iterable[str], states: Mapping[str, ServiceState], loaded: Mapping[str, UnitState]
) -> frozenset[str]:
    """Return the services that their owner stopped: a changed definition does not start them."""
    known = (name for name in names if states[name].live is not None)
    return frozenset(
        name for name in known if (unit := loaded.get(unit_name(name))) is not None and unit.is_stopped
    )


def execute(
    world: World,
    proposal: Proposal,
    *,
    locked: Collection[str] = (),
    adopted: Mapping[str, tuple[VolumeCopy, ...]] | None = None,
) -> tuple[Outcome, ...]:
    """Do exactly what the plan of *proposal* says, and return how each of its services ended.

    What another process is at work on is left alone, and deferred. The caller holds the locks of *locked*.
    *adopted* is the data that services get of containers whose place they take.
    """
    gone = [name for name in proposal.plan.services if name in proposal.gone]
    with contextlib.ExitStack() as locks:
        busy = [outcome for name in gone if name not in locked and (outcome := _lock(world, name, locks))]
        names = {outcome.service for outcome in busy}
        left = [name for name in gone if name not in names]
        outcomes = [*busy, *_execute(world, proposal, proposal.plan.without(names), left, adopted or {})]
    return tuple(sorted(map(_asked_for, outcomes), key=lambda outcome: outcome.service))


def _lock(world: World, name: str, locks: contextlib.ExitStack) -> Outcome | None:
    try:
        locks.enter_context(world.store.lock(name))
    except BusyError as error:
        return Outcome(name, OutcomeKind.BUSY, error.message)
    return None


def _asked_for(outcome: Outcome) -> Outcome:
    """Say of a service that was left alone what its owner is to do: nobody else will do what was asked."""
    if outcome.kind not in {OutcomeKind.BUSY, OutcomeKind.STOPPED}:
        return outcome
    hint = f"beacon apply {outcome.service}"
    if outcome.kind is OutcomeKind.BUSY:
        hint += ", when it is done"
    return replace(outcome, kind=OutcomeKind.DEFERRED, hint=hint)


def _execute(
    world: World,
    proposal: Proposal,
    plan: Plan,
    gone: Collection[str],
    adopted: Mapping[str, tuple[VolumeCopy, ...]],
) -> Iterator[Outcome]:
    yield from proposal.outcomes
    for file in {file.name for intent in proposal.intents.values() for file in intent.files}:
        world.files.guard(file)
    record(world, proposal.taken)
    note_applied(world, proposal.waiting, {n: one.release.digest for n, one in proposal.intents.items()})
    secure(world, map(world.store.load, gone))
    stuck = stop_units(world, plan)
    plan = plan.clear_of(stuck)
    works = [
        replace(_work(world, intent, plan.for_service(name)), adopted=adopted.get(name, ()))
        for name, intent in proposal.intents.items()
        if name in plan.services
    ]
    mine = {file for work in works for file in work.files}
    removed = {
        step.name: None for step in plan.steps if isinstance(step, RemoveFile) and step.name not in mine
    }
    moving = {name for step in plan.steps if isinstance(step, MoveService) for name in step.services}
    yield from deploy(world, [work for work in works if work.name not in moving], also=removed)
    for name in _needed_first({name: proposal.intents[name].release.service.needs for name in moving}):
        yield from deploy(world, [work for work in works if work.name == name])
    ends = {**stuck, **clear_away(world, plan, [name for name in gone if name not in stuck])}
    yield from ends.values()
    drop_networks(world, plan.clear_of(name for name, end in ends.items() if end.kind.status))
    yield from _unchanged(world, proposal)
    yield from hindered(plan)


def hindered(plan: Plan) -> Iterator[Outcome]:
    """Yield what is to be said of the services that get no step, for a file that is not theirs."""
    reasons: dict[str, list[str]] = {}
    for conflict in plan.conflicts:
        for name in conflict.services:
            reasons.setdefault(name, []).append(conflict.sentence)
    yield from (Outcome(name, OutcomeKind.FAILED, "; ".join(said)) for name, said in reasons.items())


def _needed_first(needs: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the services, each after those that it needs."""
    ordered: list[str] = []
    seen: set[str] = set()

    def place(name: str) -> None:
        if name in needs and name not in seen:
            seen.add(name)
            for need in sorted(needs[name]):
                place(need)
            ordered.append(name)

    for name in sorted(needs):
        place(name)
    return ordered


def _work(world: World, intent: Intent, plan: Plan) -> Work:
    release = intent.release
    files: dict[str, str | None] = {}
    for step in plan.steps:
        if isinstance(step, WriteFile):
            files[step.name] = step.text
        elif isinstance(step, RemoveFile):
            files[step.name] = None
    runs = any(isinstance(step, RestartUnit) for step in plan.steps)
    start = runs or any(isinstance(step, StartUnit) for step in plan.steps)
    if intent.is_new:
        release = replace(release, created=world.timestamp())
    return Work(release, files, intent.live, start, intent.beside, runs)


def _unchanged(world: World, proposal: Proposal) -> list[Outcome]:
    """Return the services for which nothing had to be done; a new text of the same meaning is noted."""
    outcomes = []
    for name, intent in proposal.intents.items():
        if name in proposal.plan.services or any(name in one.services for one in proposal.plan.conflicts):
            continue
        said = [one.sentence for one in proposal.plan.kept if name in one.services]
        kind = OutcomeKind.HELD if said else OutcomeKind.UNCHANGED
        try:
            if _note(world, intent):
                said.append("what is new in its definition needs no restart")
        except BusyError as error:
            outcomes.append(Outcome(name, OutcomeKind.BUSY, error.message))
            continue
        outcomes.append(Outcome(name, kind, "; ".join(said), release=intent.release.number))
    return outcomes


def _note(world: World, intent: Intent) -> bool:
    """Remember a definition that changes no file; say whether it means anything new."""
    noted = intent.release
    live = world.store.load(noted.service.name).live_release
    if live is None or live.number != noted.number or live == noted:
        return False
    with world.store.lock(noted.service.name):
        state = world.store.load(noted.service.name)
        with reserving(world, state, noted):
            world.store.save(state.with_release(noted))
    return noted.service != live.service


def _edited(name: str, installed: Mapping[str, str]) -> str | None:
    """Return the file of a service's container, or of its environment, where it was changed by hand."""
    for file in (*service_files(name), *filter(is_environment, installed)):
        mark = read_mark(installed.get(file, ""))
        if mark is not None and mark.service == name and not mark.intact:
            return file
    return None


def _owners(installed: Mapping[str, str]) -> set[str]:
    """Return the services that have files of their own."""
    marks = (read_mark(text) for text in installed.values())
    return {mark.service for mark in marks if mark is not None and mark.service is not None}


def _same_image(live: Service, service: Service) -> bool:
    """Say whether a changed definition still runs the image that is live."""
    return (live.image, live.platform, live.update.follow) == (
        service.image,
        service.platform,
        service.update.follow,
    )


def _is_outdated(files: Iterable[UnitFile], installed: Mapping[str, str]) -> bool:
    """Say whether a container's file is as Beacon wrote it, but not as it would write it now.

    An upgrade of Podman to 4.4 makes a Quadlet file of a plain unit.
    """
    return any(
        name in installed
        and (name, installed[name]) != (file.name, file.text)
        and not is_edited(installed[name])
        for file in files
        if is_service_file(file.name)
        for name in service_files(file.name.rpartition(".")[0].removeprefix(PREFIX))
    )
