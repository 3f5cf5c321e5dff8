"""Who is notified of what happens, as answers have it; times are RFC 3339 in UTC."""

from __future__ import annotations

from msgspec import Struct, field

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
    """How much of the news it has not got yet."""
    notified: str | None = field(name="told")
    """When it was last notified."""
    failures: int
    """In a row."""
    error: str | None
    next_try: str | None


class Targets(Answer, frozen=True, kw_only=True):
    """All targets of one scope."""

    targets: tuple[TargetInfo, ...]


class Sent(Answer, frozen=True, kw_only=True):
    """What was sent: how many messages, and who could not be notified, with the reason."""

    sent: int
    failed: dict[str, str]
