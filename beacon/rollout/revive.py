"""Starting services again that are down although nobody stopped them.

systemd gives up on a unit at its start limit, and on one whose start lacked a unit that it requires, and
comes back to neither. A run of the timer does, once each: what stood before may stand again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from beacon.errors import BeaconError, BusyError
from beacon.model.event import EventKind
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.release import Release, ReleaseState
from beacon.model.runtime import UnitState
from beacon.model.unit import FileSort, UnitFileName, unit_name
from beacon.rollout.candidates import concurrently
from beacon.rollout.decide import Down, Gate, Verdict, was_never_up, why_down
from beacon.rollout.health import watch
from beacon.rollout.running import GoingDownError, guarded, start, with_last_words
from beacon.rollout.world import World

_AT_ONCE = 16
_OBJECTS = {FileSort.VOLUME, FileSort.NETWORK}


def revive(world: World, names: Iterable[str]) -> tuple[Outcome, ...]:
    """Start again those of the services *names* that nobody stopped; say nothing of the others.

    What needs another one is tried when that is up.
    """
    left = {name: live for name in names if (live := _down(world, name)) is not None}
    outcomes = [_never_stood(live) for live in left.values() if live.state is ReleaseState.FAILED]
    left = {name: live for name, live in left.items() if live.state is not ReleaseState.FAILED}
    while ready := [live for live in left.values() if not _lacking(world, live)]:
        outcomes += [one for one in concurrently(_AT_ONCE, lambda live: _attempt(world, live), ready) if one]
        left = {name: live for name, live in left.items() if live not in ready}
    return (*outcomes, *_waiting(world, left))


def _down(world: World, name: str) -> Release | None:
    """Return the live release of a service that is to be up and is not."""
    state, unit = world.store.load(name), world.unit(unit_name(name))
    live = state.live_release
    if live is None or state.rollout is not None or unit.load == "not-found" or not unit.is_down:
        return None
    return live if _why(world, live, unit) in {Down.GAVE_UP, Down.DEPENDENCY} else None


def _why(world: World, live: Release, unit: UnitState) -> Down:
    # Those that their owner stopped were up before, and the journal need not be asked.
    tells = unit.active == "failed" or was_never_up(unit)
    return why_down(live.service, unit, world.systemd.last_job(unit.name) if tells else None)


def _attempt(world: World, live: Release) -> Outcome | None:
    """Start a service, unless another process is at work on it, or has started it already."""
    name = live.service.name
    try:
        with world.store.lock(name):
            return _started(world, live) if _down(world, name) == live else None
    except (BusyError, GoingDownError):
        return None
    except BeaconError as error:
        return Outcome(name, OutcomeKind.FAILED, error.message, error.hint)


def _started(world: World, live: Release) -> Outcome:
    name = live.service.name
    unit = world.unit(unit_name(name))
    reason = "it had failed more often than its start limit allows"
    if _why(world, live, unit) is Down.DEPENDENCY:
        reason = "a unit that it requires had failed"
    verdict = with_last_words(world, guarded(world, lambda: _start(world, live)), name)
    if verdict.gate is Gate.PASSED or verdict.stopped:
        world.tell(EventKind.STARTED_AGAIN, f"{name} was started again: {reason}", live)
        return Outcome(name, OutcomeKind.STARTED, reason, release=live.number)
    detail = f"{reason}, and fails again: {verdict.reason}"
    return Outcome(name, OutcomeKind.FAILED, detail, f"beacon logs {name}", live.number)


def _start(world: World, live: Release) -> Verdict:
    verdict = start(world, live)
    return verdict if verdict.gate is Gate.FAILED else watch(world, live)


def _never_stood(live: Release) -> Outcome:
    name = live.service.name
    detail = f"it is down and left so, since its release {live.number} never stood"
    return Outcome(name, OutcomeKind.HELD, detail, f"beacon logs {name}; beacon start {name}", live.number)


def _waiting(world: World, left: Mapping[str, Release]) -> Iterator[Outcome]:
    for name, live in left.items():
        lacking = _lacking(world, live)
        detail = f"it is down, as {', '.join(lacking)} is, and is started once that is up"
        yield Outcome(name, OutcomeKind.DEFERRED, detail, f"systemctl status {lacking[0]}", live.number)


def _lacking(world: World, live: Release) -> tuple[str, ...]:
    """Return the units that *live* needs and that are down: their owner may have stopped them.

    A start would start them too. That is right for its volumes and networks alone.
    """
    unit = unit_name(live.service.name)
    needed = dict.fromkeys((*world.systemd.requirements(unit), *map(unit_name, live.service.needs)))
    states = world.systemd.states(name for name in needed if not _is_object(name))
    return tuple(name for name, state in states.items() if not state.is_up)


def _is_object(unit: str) -> bool:
    parsed = UnitFileName.parse(unit)
    return parsed is not None and parsed.sort in _OBJECTS
