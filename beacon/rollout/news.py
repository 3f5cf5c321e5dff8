"""Tell the journal of checks that did not end in a rollout: once, not at every run of the timer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from beacon.model.event import Event, EventKind
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.rollout.world import World
from beacon.state.store import Checks, LastCheck

_EVENTS = {
    OutcomeKind.UNCHECKED: EventKind.COULD_NOT_CHECK,
    OutcomeKind.DEFERRED: EventKind.DEFERRED,
    OutcomeKind.QUARANTINED: EventKind.QUARANTINED,
}


class CheckStore(Protocol):
    """Where the last checks are remembered."""

    def load_checks(self) -> Checks:
        """Return what the last checks said."""

    def save_checks(self, checks: Checks) -> None:
        """Replace it."""


def remember(world: World, store: CheckStore, outcomes: Iterable[Outcome]) -> None:
    """Save how each service's check ended, and write to the journal what differs from the last time."""
    before: Mapping[str, LastCheck] = store.load_checks().services
    at = world.timestamp()
    now: dict[str, LastCheck] = {}
    for outcome in outcomes:
        check = LastCheck(at, outcome.kind.name.lower(), outcome.detail)
        now[outcome.service] = check
        old = before.get(outcome.service)
        kind = _EVENTS.get(outcome.kind)
        if kind is not None and (old is None or (old.outcome, old.detail) != (check.outcome, check.detail)):
            message = f"{outcome.service}: {outcome.kind.word}: {outcome.detail}"
            world.reporter.event(Event(kind, outcome.service, message, digest=outcome.digest))
    store.save_checks(Checks({**before, **now}))
