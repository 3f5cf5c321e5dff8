"""Starting services again that are down although nobody stopped them.

systemd gives up on a unit at its start limit, on one whose start lacked a unit that it requires, and on one
that such a unit took down with it, and comes back to none of them. A run of the timer does, once each: what
was healthy before may be so again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from beacon.errors import BeaconError, BusyError
from beacon.model.event import EventKind
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.release import Release, ReleaseState
from beacon.model.unit import unit_name
from beacon.rollout.checking.candidates import concurrently
from beacon.rollout.decisions.decide import CANCELED, STOPPED, Gate, Verdict
from beacon.rollout.decisions.down import Down
from beacon.rollout.driving.prepare import is_to_be_down, regain
from beacon.rollout.fallen import down_because, required_units
from beacon.rollout.handling.health import watch
from beacon.rollout.handling.running import GoingDownError, guarded, start, with_last_words
from beacon.rollout.readings import readable
from beacon.rollout.tools import Tools

_AT_ONCE = 16


def revive(tools: Tools, names: Iterable[str]) -> tuple[Outcome, ...]:
    """Start again those of the services *names* that nobody stopped; say nothing of the others.

    What needs another one is tried when that is up.
    """
    left = {name: live for name in names if (live := _down(tools, name)) is not None}
    outcomes = [_never_stood(live) for live in left.values() if live.state is ReleaseState.FAILED]
    left = {name: live for name, live in left.items() if live.state is not ReleaseState.FAILED}
    while ready := [live for live in left.values() if not _lacking(tools, live)]:
        outcomes += [one for one in concurrently(_AT_ONCE, lambda live: _attempt(tools, live), ready) if one]
        left = {name: live for name, live in left.items() if live not in ready}
    return (*outcomes, *_waiting(tools, left))


def supply(tools: Tools, names: Iterable[str]) -> None:
    """Have the engine get what the live releases of *names* start from; the next start finds it.

    What hinders that is in their journals already, and they go on as they are.
    """
    for name in names:
        live = tools.store.load(name).live_release
        with suppress(BeaconError):
            if live is not None:
                with tools.store.lock(name):
                    regain(tools, live)


def bring_back(tools: Tools, name: str) -> tuple[Outcome, ...]:
    """Start again what went down along with the service *name*, whose network it shares."""
    states, _ = readable(tools.store, tools.store.names())
    network = f"service:{name}"
    lives = {other: state.live_release for other, state in states.items()}
    return revive(
        tools, [other for other, live in lives.items() if live and network in live.service.networks]
    )


def _down(tools: Tools, name: str) -> Release | None:
    """Return the live release of a service that is to be up and is not."""
    state, unit = tools.store.load(name), tools.unit(unit_name(name))
    live = state.live_release
    if live is None or state.rollout is not None or unit.load == "not-found" or not unit.is_down:
        return None
    return live if down_because(tools.systemd, live, unit).is_to_be_up else None


def _attempt(tools: Tools, live: Release) -> Outcome | None:
    """Start a service, unless another process is at work on it, or has started it already.

    An owner who stops or removes it meanwhile does not wait for its image, or until it is healthy.
    """
    name = live.service.name
    tools = tools.unless(lambda: is_to_be_down(tools, name))
    try:
        with tools.store.lock(name):
            return _started(tools, live) if _down(tools, name) == live else None
    except (BusyError, GoingDownError):
        return None
    except BeaconError as error:
        return Outcome(name, OutcomeKind.FAILED, error.message, error.hint)


def _started(tools: Tools, live: Release) -> Outcome:
    name = live.service.name
    reason = down_because(tools.systemd, live, tools.unit(unit_name(name))).value
    verdict = with_last_words(tools, guarded(tools, lambda: _start(tools, live)), live)
    if verdict.gate is Gate.PASSED or verdict == STOPPED:
        tools.log(EventKind.STARTED_AGAIN, f"{name} was started again: {reason}", live)
        return Outcome(name, OutcomeKind.STARTED, reason, release=live.number)
    if verdict == CANCELED:
        return Outcome(name, OutcomeKind.DEFERRED, f"{reason}; its start was canceled", release=live.number)
    detail = f"{reason}, and fails again: {verdict.reason}"
    return Outcome(name, OutcomeKind.FAILED, detail, f"beacon logs {name}", live.number)


def _start(tools: Tools, live: Release) -> Verdict:
    regain(tools, live)
    verdict = start(tools, live)
    return verdict if verdict.gate is Gate.FAILED else watch(tools, live)


def _never_stood(live: Release) -> Outcome:
    name = live.service.name
    detail = f"it is down and left so, since its release {live.number} was never healthy"
    hint = f"beacon logs {name}; beacon start {name}"
    return Outcome(name, OutcomeKind.HELD, detail, hint, live.number, said="left down")


def _waiting(tools: Tools, left: Mapping[str, Release]) -> Iterator[Outcome]:
    for name, live in left.items():
        lacking = _lacking(tools, live)
        along = down_because(tools.systemd, live, tools.unit(unit_name(name))) is Down.ALONG
        kind = OutcomeKind.STOPPED if along else OutcomeKind.DEFERRED
        detail = f"it is down, as {', '.join(lacking)} is, and is started once that is up"
        yield Outcome(name, kind, detail, f"{tools.systemctl} status {lacking[0]}", live.number)


def _lacking(tools: Tools, live: Release) -> tuple[str, ...]:
    """Return the units that *live* needs and that are down: their owner may have stopped them.

    A start would start them too. That is right for its volumes and networks alone.
    """
    needed = dict.fromkeys(
        (*required_units(tools.systemd, live), *map(unit_name, (*live.service.needs, *live.service.requires)))
    )
    states = tools.systemd.states(needed)
    return tuple(name for name, state in states.items() if not state.is_up)
