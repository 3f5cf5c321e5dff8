"""What the owner should know, whatever came of what was asked."""

from __future__ import annotations

from msgspec import Struct


class Notice(Struct, frozen=True):
    """A sentence, and the command (or what to do) that mends what it says."""

    text: str
    fix: str | None = None
