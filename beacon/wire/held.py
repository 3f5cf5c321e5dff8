"""Holds, as answers have them."""

from __future__ import annotations

from msgspec import Struct

from beacon.model.release import Hold


class Held(Struct, frozen=True, kw_only=True):
    """Since when, and why, its owner has it stay at its release."""

    since: str
    reason: str


def held(hold: Hold | None) -> Held | None:
    """Return what answers say of *hold*."""
    return Held(since=hold.since, reason=hold.reason) if hold is not None else None
