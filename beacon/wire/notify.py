"""Who is told of what happens, as answers have it; times are RFC 3339 in UTC."""

from __future__ import annotations

from msgspec import Struct

from beacon.wire.answer import Answer


class TargetInfo(Struct, frozen=True, kw_only=True):
    """One target. Of its URL there is the scheme alone: the rest may be a secret."""

    name: str
    by: str
    """``ntfys``, say; ``command``; or ``file`` for a URL in a file of its own."""
    events: tuple[str, ...]
    daily: str | None
    quiet: tuple[str, ...]
    queued: int
    """How much it is still to be told."""
    told: str | None
    """When it was last told something."""
    failures: int
    """In a row."""
    error: str | None
    next_try: str | None


class Targets(Answer, frozen=True, kw_only=True):
    """All targets of one scope."""

    targets: tuple[TargetInfo, ...]


class Sent(Answer, frozen=True, kw_only=True):
    """What came of telling: how many messages, and who could not be told, with the reason."""

    sent: int
    failed: dict[str, str]
