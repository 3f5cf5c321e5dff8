"""Until when an update waits that is not to begin yet, and when there is the next check; pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

from beacon.formats.moments import shown
from beacon.model.release import ServiceState
from beacon.model.service import UpdatePolicy
from beacon.model.window import Window

HELD = "the service is held"
"""What the update to a service waits for whose owner said so."""


class Postponed(Struct, frozen=True):
    """Until when an update waits (None: for its owner, or only the next run), and for what, in words."""

    until: datetime | None
    reason: str


def postponed(policy: UpdatePolicy, first_seen: datetime, now: datetime) -> Postponed | None:
    """Return what an update waits for whose image was seen *first_seen*, or None. *now* is local time."""
    windows = [Window.parse(text) for text in policy.window]
    if windows and not any(window.contains(now) for window in windows):
        opening = min(window.next_opening(now) for window in windows)
        return Postponed(opening, f"it waits for its window, {shown(opening)}")
    ripe = first_seen + timedelta(seconds=policy.min_age)
    if now < ripe:
        return Postponed(ripe, f"its image is too young until {shown(ripe)}")
    return None


def update_waits(state: ServiceState, now: datetime) -> Postponed | None:
    """Return what the update to the image that was found last waits for; None if there is none.

    What waits for its owner's word, or is in quarantine, is told by itself; with that word a window counts.
    """
    live, pending = state.live_release, state.pending
    if live is None or pending is None or state.rollout is not None or live.service.is_pinned:
        return None
    digests = {pending.image.digest, pending.image.tag_digest}
    known = [{one.digest, one.tag_digest} for one in state.quarantine]
    known += ({one.digest, one.tag_digest} for one in state.waiting if not one.approved)
    if any(digests & other for other in known):
        return None
    if state.hold is not None:
        return Postponed(None, HELD)
    wait = postponed(live.service.update, datetime.fromisoformat(pending.first_seen), now)
    return wait or Postponed(None, "it is rolled out with the next check")


def next_check(state: ServiceState, timer: datetime | None, last: datetime | None) -> datetime | None:
    """Return when the image of a service is asked for next; *timer* is when the timer's next run begins.

    None if nothing is followed, or if no timer runs.
    """
    live = state.live_release
    if live is None or timer is None or state.hold is not None or live.service.is_pinned:
        return None
    if last is None:
        return timer
    return max(timer, last + pause(live.service.update.every))


def pause(every: float) -> timedelta:
    """Return how long a service is left alone that is checked at most every *every* seconds.

    A tenth is forgiven, so that a timer that fires a little early does not miss every other turn.
    """
    return timedelta(seconds=every * 0.9)
