"""Log how services ended if nothing has changed: once, not at every run of the timer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

from beacon.errors import BeaconError
from beacon.model.event import Event, EventKind
from beacon.model.machine import LITTLE_ROOM
from beacon.model.outcome import LastCheck, Outcome, OutcomeKind
from beacon.rollout.decisions.failing import Fails
from beacon.rollout.tools import Tools, moment
from beacon.state.store import Checks

_EVENTS = {
    OutcomeKind.UNCHECKED: EventKind.COULD_NOT_CHECK,
    OutcomeKind.DEFERRED: EventKind.DEFERRED,
    OutcomeKind.QUARANTINED: EventKind.QUARANTINED,
    OutcomeKind.FAILED: EventKind.FAILED,
    OutcomeKind.ROLLBACK_FAILED: EventKind.ROLLBACK_FAILED,
}


_NOBODY: Mapping[str, Fails] = {}
_LONG = timedelta(days=1)
_A_WHILE = timedelta(minutes=10)
_ENOUGH = 2 * LITTLE_ROOM
"""Bytes with which there is room again: around the limit it is not logged each time."""


class CheckStore(Protocol):
    """Where the last checks are remembered."""

    def load_checks(self) -> Checks:
        """Return what the last checks said."""

    def save_checks(self, checks: Checks) -> None:
        """Replace it."""


def last_answer(check: LastCheck | None) -> str:
    """Return when a registry last answered for a service's image; empty if it never did."""
    if check is None:
        return ""
    return check.at if check.answered is None else check.answered


def log_outcomes(tools: Tools, outcomes: Iterable[Outcome]) -> None:
    """Log how services ended, unless that was logged already: of what has changed nothing, say."""
    for outcome in outcomes:
        kind = _EVENTS.get(outcome.kind)
        if kind is not None and not outcome.logged:
            message = f"{outcome.service}: {outcome.word}: {outcome.detail}"
            tools.reporter.event(Event(kind, outcome.service, message, digest=outcome.digest))


def remember(
    tools: Tools,
    store: CheckStore,
    outcomes: Iterable[Outcome],
    answered: Collection[str],
    failing: Mapping[str, Fails] = _NOBODY,
) -> None:
    """Save how each service's check ended, and log what differs from the last time.

    A registry has answered for the images of *answered*; systemd starts those *failing* again and again.
    """
    known = store.load_checks()
    before: Mapping[str, LastCheck] = known.services
    at = tools.timestamp()
    now: dict[str, LastCheck] = {}
    news = []
    for outcome in outcomes:
        old = before.get(outcome.service)
        answer = at if outcome.service in answered else last_answer(old)
        check = LastCheck(at, outcome.kind.name.lower(), outcome.detail, answer)
        now[outcome.service] = check
        if old is None or (old.outcome, old.detail) != (check.outcome, check.detail):
            news.append(outcome)
    log_outcomes(tools, news)
    unanswered = _unanswered(known.unanswered, outcomes, at)
    overdue = _overdue(tools, unanswered, known.overdue)
    low = _low(tools, known.low)
    crashing = _crashing(tools, failing, known.crashing)
    store.save_checks(Checks({**before, **now}, unanswered, overdue, low, crashing))


def _unanswered(before: Mapping[str, str], outcomes: Iterable[Outcome], at: str) -> dict[str, str]:
    """Return since when registries have not answered for services that they were asked for."""
    since = dict(before)
    for outcome in outcomes:
        if outcome.kind is OutcomeKind.UNCHECKED:
            since.setdefault(outcome.service, at)
        else:
            since.pop(outcome.service, None)
    return since


def _overdue(tools: Tools, unanswered: Mapping[str, str], logged: Collection[str]) -> tuple[str, ...]:
    """Log once for which services no registry has answered for a day; return all of them."""
    now = tools.clock.now()
    late = tuple(name for name, since in unanswered.items() if now - moment(since) >= _LONG)
    for name in late:
        if name not in logged:
            message = f"{name} could not be checked for a day: no answer since {unanswered[name]}"
            tools.reporter.event(Event(EventKind.UNANSWERED, name, message))
    return late


def _crashing(tools: Tools, failing: Mapping[str, Fails], logged: Mapping[str, str]) -> dict[str, str]:
    """Log once which services have failed for a while; return when each of them was last seen to.

    Between two starts it may be up for a moment: what goes on since before then is logged already.
    """
    now, seen = tools.clock.now(), dict(logged)
    for name, fails in failing.items():
        since = datetime.fromtimestamp(fails.since / 1e6, UTC)
        if now - since < _A_WHILE:
            continue
        if name not in logged or since > moment(logged[name]):
            tools.reporter.event(Event(EventKind.FAILED, name, f"{name} fails again and again: {fails}"))
        seen[name] = tools.timestamp()
    return seen


def _low(tools: Tools, logged: Collection[str]) -> tuple[str, ...]:
    """Log once which folders have little room; return those that still have."""
    try:
        room = tools.surroundings.room()
    except BeaconError:  # which engine's folders they are is not known
        return tuple(logged)
    scarce = {folder: free for folder, free in room.items() if free < LITTLE_ROOM}
    news = {free: folder for folder, free in scarce.items() if folder not in logged}  # one file system, once
    if news:
        places = ", ".join(f"{free // 1024**2} MiB in {folder}" for free, folder in news.items())
        message = f"there is little room left: {places}; a large image does not fit any more"
        tools.reporter.event(Event(EventKind.DISK_LOW, "", message))
    return tuple(name for name, free in room.items() if name in scarce or (name in logged and free < _ENOUGH))
