"""What runs, as answers have it."""

from __future__ import annotations

from msgspec import Struct

from beacon.model.outcome import LastCheck
from beacon.wire.answer import Answer
from beacon.wire.held import Held
from beacon.wire.release import ReleaseInfo


class Quarantined(Struct, frozen=True, kw_only=True):
    """A digest that failed and is passed over; times are RFC 3339 in UTC."""

    digest: str
    since: str
    reason: str
    until: str | None = None
    """When it is tried again by itself; null where its blame was certain, or it was tried again before."""
    acknowledged: str | None = None
    """When its owner said that he knows."""


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


class PublishedPort(Struct, frozen=True, kw_only=True):
    """A port of the machine that leads to the container's."""

    address: str
    """Empty is every address of the machine."""
    port: int | None
    """Null is one that the engine chooses with each start."""
    container_port: int
    count: int
    protocol: str


class PendingUpdate(Struct, frozen=True, kw_only=True):
    """An image that was found, and is not rolled out yet; times are RFC 3339 in UTC."""

    image: str
    digest: str
    since: str
    until: str | None
    """Null if no time is known."""
    reason: str


class Failing(Struct, frozen=True, kw_only=True):
    """How a service fails, over and over or for good."""

    how: str
    since: str | None
    restarts: int


class VolumeSize(Struct, frozen=True, kw_only=True):
    """How many bytes the data of a volume takes; null if that is not known."""

    volume: str
    bytes: int | None
    kind: str = "data"
    """config, data, database, media, cache or log."""


class UsageInfo(Struct, frozen=True, kw_only=True):
    """What a service takes: memory in bytes, CPU time in seconds since its start; null if nobody counts."""

    memory: int | None
    cpu: float | None
    volumes: tuple[VolumeSize, ...]


class JobStatus(Struct, frozen=True, kw_only=True):
    """A job of a service; times are RFC 3339 in UTC."""

    name: str
    unit: str
    schedule: str
    state: str
    """running, failed, done, or waiting: for its first run since the machine came up."""
    reason: str | None
    """Why it failed."""
    ended: str | None
    """When it ended last."""
    next_run: str | None
    """Null if nothing is to run it, as while its service is down."""


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
    """The step of the rollout that is under way."""
    definition_changed: bool
    damaged: bool = False
    """Whether what is remembered of it cannot be read; a warning says why, and what to do."""
    notes: tuple[str, ...]
    checked: LastCheck | None
    ports: tuple[PublishedPort, ...] = ()
    urls: tuple[str, ...] = ()
    """Where Beacon's proxy answers for it."""
    hold: Held | None = None
    pending: PendingUpdate | None = None
    failing: Failing | None = None
    next_check: str | None = None
    """When its registry is asked next, at the earliest; RFC 3339 in UTC."""
    usage: UsageInfo | None = None
    """Asked for one service alone."""
    jobs: tuple[JobStatus, ...] = ()
    """Asked for one service alone."""


class Status(Answer, frozen=True, kw_only=True):
    """Services of one scope."""

    scope: str
    engine: str
    engine_version: str | None = None
    """Asked for one service alone."""
    services: tuple[ServiceStatus, ...]
    next_run: str | None = None
    """When the timer looks for new images next; RFC 3339 in UTC; null if it does not run."""
