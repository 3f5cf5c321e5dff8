"""Who is notified of what happens, and when: ``[notify.NAME]`` of beacon.toml."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from beacon.model.event import EventKind
from beacon.model.sensitive import Sensitive


class Topic(StrEnum):
    """Of what targets can be notified."""

    UPDATED = "updated"
    ROLLED_BACK = "rolled-back"
    WAITING = "waiting"
    QUARANTINED = "quarantined"
    UNCHECKED = "unchecked"
    FAILED = "failed"
    DISK = "disk"
    BEACON = "beacon"
    """A unit of Beacon's own has failed."""


TOPICS: Mapping[EventKind, Topic] = {
    EventKind.RELEASE_LIVE: Topic.UPDATED,
    EventKind.ROLLED_BACK: Topic.ROLLED_BACK,
    EventKind.ROLLBACK_FAILED: Topic.FAILED,
    EventKind.RELEASE_FAILED: Topic.FAILED,
    EventKind.FAILED: Topic.FAILED,
    EventKind.WAITING: Topic.WAITING,
    EventKind.QUARANTINED: Topic.QUARANTINED,
    EventKind.UNANSWERED: Topic.UNCHECKED,
    EventKind.DISK_LOW: Topic.DISK,
}
"""The events of which owners are notified; all others are in the journal alone."""


class Target(Struct, frozen=True):
    """Somebody, or something, that is notified; it has an URL, a file with one, or a command."""

    name: str
    url: Sensitive | None = None
    """For Apprise; it may hold a password."""
    url_file: str | None = None
    command: tuple[str, ...] = ()
    events: tuple[Topic, ...] = tuple(Topic)
    daily: str = ""
    """``HH:MM`` in local time, at which all of a day is sent in one message; empty is at once."""
    quiet: tuple[str, ...] = ()
    """Windows, in local time, in which nothing is sent; it is sent afterwards."""
