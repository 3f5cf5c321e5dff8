"""What the owner should know of a service, in a few words each. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from beacon.model.release import AwaitingApproval, Release, ServiceState
from beacon.model.runtime import UnitState
from beacon.reconcile.approval import approval

_SHORT = 12
"""As many digits of a digest as people read."""


def unapplied(live: Release | None, unit: UnitState, *, changed: bool, defined: bool) -> tuple[str, ...]:
    """Return in what a service is not as its definition says."""
    if not defined:
        return ("its definition is gone",)
    if live is None:
        there = unit.load != "not-found"
        return ("installed, but nothing is remembered of it" if there else "not applied yet",)
    return ("definition changed, not applied",) if changed else ()


class Seen(NamedTuple):
    """What there is of a service beside what is remembered."""

    unit: UnitState
    checked: str = ""
    """The outcome of the last check."""
    doing: str = ""
    """The step of its rollout."""
    fails: str = ""
    """How it fails."""
    waits: str = ""
    """What an update waits for."""


def notes(state: ServiceState, seen: Seen) -> Iterator[str]:
    """Yield what is special about a service."""
    unit, live = seen.unit, state.live_release
    if live is not None and live.state == "failed" and unit.active != "active":
        yield f"release {live.number} failed"
    if state.rollout is not None:
        yield f"rollout of release {state.rollout.release}: {seen.doing or 'its step is not known'}"
    if seen.fails:
        yield seen.fails
    elif unit.sub.startswith("auto-restart"):
        yield "fails, and is started again"
    if state.hold is not None:
        yield f"held: {state.hold.reason}" if state.hold.reason else "held"
    yield from (_waiting(state.name, one) for one in state.waiting)
    for entry in (one for one in state.quarantine[-1:] if not one.acknowledged):
        yield f"quarantined: {entry.digest.partition(':')[2][:_SHORT]}"
    if live is not None and live.service.update.is_pinned:
        yield "pinned"
    if seen.waits:
        yield f"update: {seen.waits}"
    elif seen.checked in {"unchecked", "deferred"}:
        yield seen.checked.replace("unchecked", "could not check")


def _waiting(name: str, waiting: AwaitingApproval) -> str:
    return "approved, not rolled out yet" if waiting.approved else f"waits: {approval(name, waiting)}"
