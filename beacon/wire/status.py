"""What runs, as answers have it."""

from __future__ import annotations

from msgspec import Struct

from beacon.wire.answer import Answer
from beacon.wire.release import ReleaseInfo


class Quarantined(Struct, frozen=True, kw_only=True):
    """A digest that failed and is passed over; *since* is RFC 3339 in UTC."""

    digest: str
    since: str
    reason: str


class DisplacedVolume(Struct, frozen=True, kw_only=True):
    """A volume with data that a release which waits would no longer mount."""

    volume: str
    path: str
    inside: str | None
    instead: tuple[str, ...]


class WaitingRelease(Struct, frozen=True, kw_only=True):
    """A release that waits for its owner's word; times are RFC 3339 in UTC."""

    image: str
    digest: str
    since: str
    reason: str
    volumes: tuple[DisplacedVolume, ...]
    approved: str | None
    """Since when it is approved; null if it is not."""
    command: str
    """What approves it."""
    to_do: str
    """The same in words, with the other way there is."""


class Checked(Struct, frozen=True, kw_only=True):
    """What the last check found: *outcome* is one of those of `beacon update`, *at* is RFC 3339 in UTC."""

    at: str
    outcome: str
    detail: str


class ServiceStatus(Struct, frozen=True, kw_only=True):
    """One service: its unit as systemd has it, its releases as Beacon remembers them."""

    name: str
    unit: str
    load: str
    active: str
    sub: str
    started: int | None
    """Microseconds since 1970; null if it does not run."""
    health: str | None
    """What the engine says; null if it was not asked, or if there is no health check."""
    release: ReleaseInfo | None
    previous: int | None
    held: bool
    quarantine: tuple[Quarantined, ...]
    waiting: tuple[WaitingRelease, ...]
    rollout: str | None
    """The phase of the rollout that is under way."""
    definition_changed: bool
    damaged: bool = False
    """Whether what is remembered of it cannot be read; a warning says why, and what to do."""
    notes: tuple[str, ...]
    checked: Checked | None


class Status(Answer, frozen=True, kw_only=True):
    """Services of one scope."""

    scope: str
    engine: str
    engine_version: str | None = None
    """Asked for one service alone."""
    services: tuple[ServiceStatus, ...]
