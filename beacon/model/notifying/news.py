"""What is on its way to targets, and how they have answered so far. Times are seconds since 1970."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from beacon.model.notifying.target import Topic
from beacon.model.reference import Digest


class News(Struct, frozen=True):
    """Something that the targets *left* are to be notified of."""

    topic: Topic
    service: str
    """Empty if it is about the machine."""
    message: str
    at: float
    left: tuple[str, ...]
    release: int | None = None
    digest: Digest | None = None
    previous_digest: Digest | None = None


class TargetStanding(Struct, frozen=True):
    """How a target has answered."""

    failures: int = 0
    """In a row."""
    since: float = 0.0
    """When the first of them was."""
    next: float = 0.0
    """When it is tried again."""
    error: str = ""
    """Why the last try failed, without secrets."""
    notified: float = field(default=0.0, name="told")
    """When it was last notified."""


class Notified(Struct, frozen=True):
    """What is remembered of targets, and what they were notified of, so that it happens once."""

    targets: Mapping[str, TargetStanding] = field(default_factory=dict)
    notified: Mapping[str, float] = field(default_factory=dict, name="told")
