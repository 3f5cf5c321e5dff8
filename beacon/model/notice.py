"""What the owner should know, whatever came of what was asked."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Notice(Struct, frozen=True):
    """A sentence, and the command (or what to do) that mends what it says."""

    text: str
    fix: str | None = None


def plural(count: int, noun: str) -> str:
    """Return ``1 service`` or ``2 services``, as sentences have it."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


class NoteKind(StrEnum):
    """What became of a key that is not simply carried over."""

    DROPPED = "not carried over"
    CHANGED = "changed"
    RAW = "carried unchecked"
    TODO = "to do"
