"""Several rollouts at once: pull all, switch all with one reload, then restart and gate side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack

from msgspec.structs import replace

from beacon.errors import BeaconError, BusyError, HostError, RegistryError
from beacon.model.event import EventKind
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.release import Phase, Quarantine, ReleaseState, ServiceState
from beacon.rollout.candidates import concurrently
from beacon.rollout.decide import canaries
from beacon.rollout.images import tidy
from beacon.rollout.machine import (
    GoingDownError,
    HookRefusedError,
    Work,
    abandon,
    begin,
    enter,
    fetch,
    finish,
    prepare_switch,
    require_up,
)
from beacon.rollout.world import World

_PULLS = 3
_RESTARTS = 16


def deploy(
    world: World, works: Sequence[Work], *, canary: bool = False, also: Mapping[str, None] | None = None
) -> tuple[Outcome, ...]:
    """Bring every service of *works* to its candidate; the outcome of one never hinders another.

    *also* names further files to remove, so that systemd is reloaded once for all.

    With *canary*, of several services on one image one goes first, and the others follow only where it
    stands; where it does not, the image is quarantined for them too, untried.
    """
    by_name = {work.name: work for work in works}
    if not canary:
        outcomes = _wave(world, works, also or {})
    else:
        first, follow = canaries([(work.candidate.digest, work.name) for work in works])
        outcomes = _wave(world, [by_name[name] for name in first])
        bad = {
            by_name[outcome.service].candidate.digest: outcome
            for outcome in outcomes
            if _has_failed(world, by_name[outcome.service])
        }
        spared = [name for name in follow if by_name[name].candidate.digest in bad]
        outcomes += [_spare(world, by_name[name], bad[by_name[name].candidate.digest]) for name in spared]
        outcomes += _wave(world, [by_name[name] for name in follow if name not in set(spared)])
    tidy(world, by_name)
    return tuple(sorted(outcomes, key=lambda outcome: outcome.service))


def resume(world: World, names: Iterable[str]) -> tuple[Outcome, ...]:
    """Finish or undo the rollouts that a killed Beacon left behind; says nothing where there are none."""
    with ExitStack() as locks:
        states = []
        for name in names:
            if world.store.load(name).rollout is None:
                continue
            try:
                locks.enter_context(world.store.lock(name))
            except BusyError:
                continue
            state = world.store.load(name)  # again: its process may just have ended it
            if state.rollout is not None:
                states.append(state)
        outcomes = concurrently(
            _RESTARTS, lambda state: _attempt(state.name, lambda: _go_on(world, state)), states
        )
    if outcomes:
        tidy(world, [outcome.service for outcome in outcomes])
    return tuple(outcomes)


def _go_on(world: World, state: ServiceState) -> Outcome:
    candidate = state.release(state.rollout.release) if state.rollout is not None else None
    if candidate is not None and state.rollout is not None:
        message = f"The rollout of {state.name} was cut off while {state.rollout.phase}; it goes on"
        world.tell(EventKind.RESUMED, message, candidate)
        if state.rollout.phase is Phase.GATING:
            # What went down with the machine, or is not up yet after its boot, has not failed: once more.
            state = replace(state, rollout=replace(state.rollout, phase=Phase.RESTARTING))
    return finish(world, state)


def _wave(world: World, works: Sequence[Work], also: Mapping[str, None] | None = None) -> list[Outcome]:
    outcomes: list[Outcome] = []
    with ExitStack() as locks:
        ready = []
        for work in works:
            try:
                locks.enter_context(world.store.lock(work.name))
                begin(world, work)
            except BusyError as error:
                outcomes.append(Outcome(work.name, OutcomeKind.BUSY, error.message))
            except BeaconError as error:
                outcomes.append(_unbegun(work, error))
            else:
                ready.append(work)
        pulled, failures = _fetch_all(world, ready)
        outcomes += failures
        switched = _switch_all(world, pulled, outcomes, also or {})
        outcomes += concurrently(
            _RESTARTS, lambda state: _attempt(state.name, lambda: finish(world, state)), switched
        )
    return outcomes


def _fetch_all(world: World, works: Sequence[Work]) -> tuple[list[Work], list[Outcome]]:
    """Pull each image once, however many services want it."""
    groups: dict[str, list[Work]] = {}
    for work in works:
        groups.setdefault(str(work.candidate.pinned), []).append(work)

    def fetch_group(group: list[Work]) -> list[Outcome | None]:
        return [_fetch_one(world, work) for work in group]

    results = concurrently(_PULLS, fetch_group, list(groups.values()))
    pairs = [
        pair
        for group, ends in zip(groups.values(), results, strict=True)
        for pair in zip(group, ends, strict=True)
    ]
    return [work for work, end in pairs if end is None], [end for _, end in pairs if end is not None]


def _fetch_one(world: World, work: Work) -> Outcome | None:
    try:
        fetch(world, work)
    except BeaconError as error:
        return _give_up(world, work, error)
    return None


def _give_up(world: World, work: Work, error: BeaconError) -> Outcome:
    """End a rollout before anything has changed."""
    try:
        abandon(world, world.store.load(work.name))
    except BeaconError as second:
        return Outcome(work.name, OutcomeKind.FAILED, f"{error.message}; and {second.message}", error.hint)
    return _unbegun(work, error)


def _unbegun(work: Work, error: BeaconError) -> Outcome:
    kind = OutcomeKind.FAILED
    if isinstance(error, HookRefusedError):
        kind = OutcomeKind.DEFERRED
    elif isinstance(error, RegistryError):
        kind = OutcomeKind.UNCHECKED
    return Outcome(work.name, kind, error.message, error.hint)


def _switch_all(
    world: World, works: Sequence[Work], outcomes: list[Outcome], also: Mapping[str, None]
) -> list[ServiceState]:
    """Put the files of all candidates in place with one daemon-reload."""
    states = []
    for work in works:
        try:
            states.append(prepare_switch(world, work))
        except BeaconError as error:
            outcomes.append(_give_up(world, work, error))
    # One that moves to another engine must be stopped first, and one that is swapped be tried: finish()
    # switches them by itself.
    moving = [state for state in states if state.rollout and state.rollout.phase is not Phase.SWITCHING]
    states = [state for state in states if state not in moving]
    files: dict[str, str | None] = dict(also)
    for state in states:
        files |= state.rollout.after if state.rollout else {}
    try:
        world.put_files(files)
    except BeaconError as error:
        try:
            require_up(world)
        except GoingDownError as reason:
            outcomes += [_put_off(state.name, reason) for state in states]
            return moving
        ended = [enter(world, state, Phase.RESTORING, error.message, untried=True) for state in states]
        return [*ended, *moving]
    return [*(enter(world, state, Phase.RESTARTING) for state in states), *moving]


def _has_failed(world: World, work: Work) -> bool:
    """Say whether the candidate was tried and does not stand; not so where it never came to that."""
    release = world.store.load(work.name).release(work.candidate.number)
    return release is not None and release.state is ReleaseState.FAILED


def _spare(world: World, work: Work, canary: Outcome) -> Outcome:
    """Quarantine the image for a service that did not have to try it."""
    reason = f"it failed on {canary.service}: {canary.detail.partition(';')[0]}"
    candidate = work.candidate
    entry = Quarantine(
        candidate.digest,
        candidate.tag_digest,
        world.fingerprint(candidate.service),
        world.timestamp(),
        reason,
    )
    state = world.store.load(work.name)
    world.store.save(replace(state, quarantine=(*state.quarantine, entry)))
    live = state.live_release
    message = f"{work.name} stays as it is: {candidate.pinned} is quarantined, {reason}"
    world.tell(EventKind.QUARANTINED, message, candidate, live)
    return Outcome(work.name, OutcomeKind.QUARANTINED, reason, release=state.live)


def _put_off(name: str, reason: GoingDownError) -> Outcome:
    return Outcome(name, OutcomeKind.DEFERRED, reason.message, reason.hint)


def _attempt(name: str, action: Callable[[], Outcome]) -> Outcome:
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
