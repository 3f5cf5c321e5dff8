"""What is remembered of services, as far as it can be read, and what definitions said when last read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from beacon import __version__
from beacon.errors import AccessError, MachineError
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.release import Release, ReleaseState, ServiceState, text_digest
from beacon.model.service import Service
from beacon.rollout.ports import StateStore

_GOES_ON = "beacon update goes on from there"


def readable(store: StateStore, names: Iterable[str]) -> tuple[dict[str, ServiceState], list[Outcome]]:
    """Return what is remembered of services, and what is to be said of those of which it cannot be read."""
    states: dict[str, ServiceState] = {}
    damaged = []
    for name in names:
        try:
            states[name] = store.load(name)
        except MachineError as error:
            damaged.append(Outcome(name, OutcomeKind.FAILED, error.message, error.hint))
    return states, damaged


def unended(store: StateStore, names: Iterable[str], resumed: Iterable[Outcome]) -> dict[str, Outcome]:
    """Return why rollouts of services have not ended, *resumed* is what came of going on with them.

    Nothing else can be done to such a service: only its record says what is to be finished or undone.
    """
    states, _ = readable(store, names)
    said = {outcome.service: outcome for outcome in resumed if outcome.kind.status}
    return {
        name: said.get(name, Outcome(name, OutcomeKind.FAILED, "its rollout has not ended", _GOES_ON))
        for name, state in states.items()
        if state.rollout is not None
    }


def live_releases(store: StateStore, names: Iterable[str]) -> dict[str, Release] | None:
    """Return the live releases of *names*, and of all other services, as far as states can be understood.

    None for somebody who may not read the states.
    """
    try:
        states, _ = readable(store, {*names, *store.names()})  # reported when one is asked for
    except AccessError:
        return None
    return {name: live for name, one in states.items() if (live := one.live_release) is not None}


def earlier_readings(lives: Mapping[str, Release] | None, texts: Mapping[str, str]) -> dict[str, Service]:
    """Return those services of *texts* (name → text) whose live releases were made of the very same text.

    They are in order, since they were applied.
    """
    return {
        name: live.service
        for name, live in (lives or {}).items()
        if name in texts and (live.definition, live.reader) == (text_digest(texts[name]), __version__)
    }


def running(lives: Mapping[str, Release] | None) -> dict[str, Service]:
    """Return the services that run, as they were applied: a release that was never healthy holds nothing."""
    return {name: one.service for name, one in (lives or {}).items() if one.state is ReleaseState.LIVE}
