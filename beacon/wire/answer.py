"""What all answers have in common, and their form as JSON."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from beacon.model.notice import Notice

VERSION = 1
"""The version of every answer; it rises when a field is taken away or changes its meaning."""


class Answer(Struct, frozen=True, kw_only=True):
    """What an operation answers; *warnings* are there whatever came of it."""

    version: int = VERSION
    warnings: tuple[Notice, ...] = ()


def to_json(answer: Answer) -> str:
    """Return *answer* as JSON for a person's eye or a script: two spaces, one member a line."""
    return msgspec.json.format(msgspec.json.encode(answer), indent=2).decode()
