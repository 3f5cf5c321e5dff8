"""Several rollouts at once: pull all, switch all with one reload, then restart and gate side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from msgspec.structs import replace

from beacon.errors import BeaconError, BusyError, HostError, RegistryError
from beacon.model.event import EventKind
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.reference import Digest
from beacon.model.release import Phase, Release, ReleaseState, ServiceState
from beacon.model.unit import unit_name
from beacon.rollout.candidates import concurrently
from beacon.rollout.decide import canaries
from beacon.rollout.images import tidy
from beacon.rollout.journal import begin_restoring, enter, quarantined
from beacon.rollout.machine import finish
from beacon.rollout.prepare import (
    EditedError,
    HeldError,
    HookRefusedError,
    StoppedError,
    Work,
    abandon,
    as_planned,
    begin,
    fetch,
    prepare_switch,
)
from beacon.rollout.readings import readable
from beacon.rollout.running import GoingDownError, require_up
from beacon.rollout.world import World, moment

Images = Mapping[str, Digest]
"""What an engine lists: name → id."""

_PULLS = 3
_RESTARTS = 16


def deploy(
    world: World, works: Sequence[Work], *, also: Mapping[str, None] | None = None
) -> tuple[Outcome, ...]:
    """Bring every service of *works* to its candidate; the outcome of one never hinders another.

    *also* names further files to remove, so that systemd is reloaded once for all.
    """
    return _tidied(world, works, _Wave(world, also=also).run(works))


def deploy_carefully(
    world: World, works: Sequence[Work], render: Callable[[Work], Work], images: Callable[[], Images]
) -> tuple[Outcome, ...]:
    """Do the same, and of several services on one image bring one to it first.

    The others follow only where it stands; where it does not, the image is quarantined for them too,
    untried. Where the host hindered it, they wait; where it never came to a try, another goes first. Works
    get their files from *render*, while the engine pulls. *images* are those on disk now.
    """
    by_name = {work.name: work for work in works}
    outcomes: list[Outcome] = []
    waiting = list(works)
    while waiting:
        first, follow = canaries([(work.candidate.digest, work.name) for work in waiting])
        wave = _Wave(world, render, images)
        ends = {
            by_name[outcome.service].candidate.digest: outcome
            for outcome in wave.run([by_name[name] for name in first])
        }
        outcomes += ends.values()
        sure, waiting = [], []
        for work in (by_name[name] for name in follow):
            canary = ends[work.candidate.digest]
            release = _tried(world, by_name[canary.service])
            if release is not None and release.state is ReleaseState.FAILED:
                outcomes.append(_spare(world, work, canary))
            elif release is not None:
                sure.append(work)
            elif canary.service in wave.switched and canary.kind is not OutcomeKind.STOPPED:
                detail = f"not tried, after {canary.service}: {canary.detail.partition(';')[0]}"
                outcomes.append(Outcome(work.name, OutcomeKind.DEFERRED, detail, release=work.live))
            else:
                waiting.append(work)
        outcomes += _Wave(world, render).run(sure)
        images = world.engine.images
    return _tidied(world, works, outcomes)


def _tidied(world: World, works: Sequence[Work], outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    if works:
        tidy(world, [work.name for work in works])
    return tuple(sorted(outcomes, key=lambda outcome: outcome.service))


def resume(world: World, names: Iterable[str]) -> tuple[Outcome, ...]:
    """Finish or undo the rollouts that a killed Beacon left behind; says nothing where there are none."""
    with ExitStack() as locks:
        states = []
        known, _ = readable(world.store, names)  # what cannot be read hinders no other
        for name, found in known.items():
            if found.rollout is None:
                continue
            try:
                locks.enter_context(world.store.lock(name))
            except BusyError:
                continue
            state = world.store.load(name)  # again: its process may just have ended it
            if state.rollout is not None:
                states.append(state)
        outcomes = concurrently(
            _RESTARTS, lambda state: _attempt(world, state.name, lambda: _go_on(world, state)), states
        )
    if outcomes:
        tidy(world, [outcome.service for outcome in outcomes])
    return tuple(outcomes)


def _go_on(world: World, state: ServiceState) -> Outcome:
    candidate = state.release(state.rollout.release) if state.rollout is not None else None
    if candidate is not None and state.rollout is not None:
        message = f"The rollout of {state.name} was cut off while {state.rollout.phase}; it goes on"
        world.tell(EventKind.RESUMED, message, candidate)
        if state.rollout.phase is Phase.GATING and not _was_stopped(world, state.name, state.rollout.started):
            # What went down with the machine, or is not up yet after its boot, has not failed: once more.
            state = replace(state, rollout=replace(state.rollout, phase=Phase.RESTARTING))
    return finish(world, state)


def _was_stopped(world: World, name: str, since: str) -> bool:
    """Say whether a service was up *since* then, and was stopped: of before a boot, systemd knows nothing."""
    unit = world.unit(unit_name(name))
    return unit.is_stopped and unit.started >= moment(since).timestamp() * 1e6


class _Wave:
    """Rollouts side by side: *render* gives a work its files, *images* are those on disk when it begins."""

    def __init__(
        self,
        world: World,
        render: Callable[[Work], Work] | None = None,
        images: Callable[[], Images] | None = None,
        *,
        also: Mapping[str, None] | None = None,
    ) -> None:
        self._world = world
        self._render = render or (lambda work: work)
        self._images = images or world.engine.images
        self._also = also or {}
        self._outcomes: list[Outcome] = []
        self.switched: frozenset[str] = frozenset()
        """The services whose rollouts came so far that something of them changed."""

    def run(self, works: Sequence[Work]) -> list[Outcome]:
        """Return how each of *works* ended."""
        with ExitStack() as locks:
            ready = self._begin(works, locks)
            with ThreadPoolExecutor(1) as hand:
                rendered = {work.name: hand.submit(self._render, work) for work in ready}
                pulled = self._fetch(ready) if ready else []
                states = self._prepare([(work, rendered[work.name].result) for work in pulled])
            switched = self._switch(states)
            self.switched = frozenset(state.name for state in switched)
            self._outcomes += concurrently(
                _RESTARTS,
                lambda state: _attempt(self._world, state.name, lambda: finish(self._world, state)),
                switched,
            )
        return self._outcomes

    def _begin(self, works: Sequence[Work], locks: ExitStack) -> list[Work]:
        ready = []
        for work in works:
            try:
                locks.enter_context(self._world.store.lock(work.name))
                begin(self._world, work)
            except BusyError as error:
                self._outcomes.append(Outcome(work.name, OutcomeKind.BUSY, error.message))
            except BeaconError as error:
                self._outcomes.append(_unbegun(work, error))
            else:
                ready.append(work)
        return ready

    def _fetch(self, works: Sequence[Work]) -> list[Work]:
        """Pull each image once, however many services want it; return the works whose images are there.

        One image has its names from different repositories one after the other: Podman before 5 writes all
        names of an image anew when it adds one, and then those are lost that come meanwhile.
        """
        groups: dict[Digest, list[Work]] = {}
        for work in works:
            groups.setdefault(work.candidate.image.image_id, []).append(work)
        try:
            present = self._images()
        except BeaconError as error:
            self._outcomes += [_give_up(self._world, work, error) for work in works]
            return []

        def fetch_group(group: list[Work]) -> list[Outcome | None]:
            there = dict(present)
            ends: list[Outcome | None] = []
            for work in group:
                try:
                    there[str(work.candidate.pinned)] = fetch(self._world, work, there)
                except BeaconError as error:
                    ends.append(_give_up(self._world, work, error))
                else:
                    ends.append(None)
            return ends

        results = concurrently(_PULLS, fetch_group, list(groups.values()))
        ends = {
            work.name: end
            for group, of_group in zip(groups.values(), results, strict=True)
            for work, end in zip(group, of_group, strict=True)
        }
        self._outcomes += [end for end in ends.values() if end is not None]
        return [work for work in works if ends[work.name] is None]

    def _prepare(self, works: Iterable[tuple[Work, Callable[[], Work]]]) -> list[ServiceState]:
        states = []
        for work, rendered in works:
            try:
                states.append(prepare_switch(self._world, rendered()))
            except BeaconError as error:
                self._outcomes.append(_give_up(self._world, work, error))
        return states

    def _switch(self, states: Sequence[ServiceState]) -> list[ServiceState]:
        """Put the files of all candidates in place with one daemon-reload."""
        # One that moves to another engine must be stopped first, and one that is swapped be tried: finish()
        # switches them by itself.
        moving = [state for state in states if state.rollout and state.rollout.phase is not Phase.SWITCHING]
        states = [state for state in states if state not in moving]
        files: dict[str, str | None] = dict(self._also)
        for state in states:
            files |= state.rollout.after if state.rollout else {}
        world = self._world
        try:
            world.put_files(files)
        except BeaconError as error:
            try:
                require_up(world)
            except GoingDownError as reason:
                self._outcomes += [_put_off(state.name, reason) for state in states]
                return moving
            ended = [begin_restoring(world, state, error.message, untried=True) for state in states]
            return [*ended, *moving]
        return [*(enter(world, state, Phase.RESTARTING) for state in states), *moving]


def _give_up(world: World, work: Work, error: BeaconError) -> Outcome:
    """End a rollout before anything has changed."""
    try:
        abandon(world, world.store.load(work.name))
    except BeaconError as second:
        return Outcome(work.name, OutcomeKind.FAILED, f"{error.message}; and {second.message}", error.hint)
    return _unbegun(work, error)


def _unbegun(work: Work, error: BeaconError) -> Outcome:
    return Outcome(work.name, kind_of(error), error.message, error.hint)


def kind_of(error: BeaconError) -> OutcomeKind:
    """Return what has come of a service whose rollout *error* kept from changing anything."""
    match error:
        case HookRefusedError():
            return OutcomeKind.DEFERRED
        case EditedError() | HeldError():
            return OutcomeKind.HELD
        case StoppedError():
            return OutcomeKind.STOPPED
        case RegistryError():
            return OutcomeKind.UNCHECKED
        case BusyError():
            return OutcomeKind.BUSY
        case _:
            return OutcomeKind.FAILED


def _tried(world: World, work: Work) -> Release | None:
    """Return the release that the candidate has become; None where it never came to that."""
    release = world.store.load(work.name).release(work.candidate.number)
    ended = {ReleaseState.LIVE, ReleaseState.FAILED}
    same = release is not None and release.digest == work.candidate.digest and release.state in ended
    return release if same else None


def _spare(world: World, work: Work, canary: Outcome) -> Outcome:
    """Quarantine the image for a service that did not have to try it."""
    reason = f"it failed on {canary.service}: {canary.detail.partition(';')[0]}"
    candidate = work.candidate
    try:
        with world.store.lock(work.name):
            state = quarantined(world, as_planned(world, work), candidate, reason)
            world.store.save(state)
    except BusyError as error:
        return Outcome(work.name, OutcomeKind.BUSY, error.message)
    live = state.live_release
    message = f"{work.name} stays as it is: {candidate.pinned} is quarantined, {reason}"
    world.tell(EventKind.QUARANTINED, message, candidate, live)
    return Outcome(work.name, OutcomeKind.QUARANTINED, reason, release=state.live)


def _put_off(name: str, reason: GoingDownError) -> Outcome:
    return Outcome(name, OutcomeKind.DEFERRED, reason.message, reason.hint)


def _attempt(world: World, name: str, action: Callable[[], Outcome]) -> Outcome:
    try:
        return action()
    except GoingDownError as error:
        return _put_off(name, error)
    except HostError as error:
        return Outcome(
            name, OutcomeKind.FAILED, error.message, error.hint or "beacon update goes on from here"
        )
    except BeaconError as error:
        return Outcome(name, OutcomeKind.FAILED, error.message, error.hint)
    except Exception as bug:  # noqa: BLE001  # of one service: the others must not suffer from it
        import traceback  # noqa: PLC0415  # only for what should not be

        world.reporter.note(name, "".join(traceback.format_exception(bug)))
        return Outcome(
            name, OutcomeKind.FAILED, f"Beacon stumbled: {bug!r}", "beacon update goes on from here"
        )
