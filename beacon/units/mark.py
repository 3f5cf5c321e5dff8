"""The mark on every file that Beacon wrote: whose it is, and whether it is still as Beacon wrote it."""

from __future__ import annotations

import hashlib
import re

from msgspec import Struct

from beacon.model.unit import MARK

_MARK = re.compile(rf"{MARK}([^\n,]+), checksum sha256:([0-9a-f]{{64}})\n")


class Mark(Struct, frozen=True):
    """*owner* is the sort and name of what the file belongs to (``service web``, ``network backend``)."""

    owner: str
    intact: bool
    """False where somebody changed the file since."""

    @property
    def service(self) -> str | None:
        """The service that owns the file; None where services share it."""
        sort, _, name = self.owner.partition(" ")
        return name if sort == "service" else None


def stamp(text: str, owner: str) -> str:
    """Return *text* with the mark as its first line."""
    return f"{MARK}{owner}, checksum sha256:{_checksum(text)}\n{text}"


def read_mark(text: str) -> Mark | None:
    """Return the mark of a file's whole text, or None where Beacon did not write it."""
    match = _MARK.match(text)
    if match is None:
        return None
    return Mark(owner=match[1], intact=_checksum(text[match.end() :]) == match[2])


def is_edited(text: str | None) -> bool:
    """Say whether a file is there and is not as Beacon wrote it."""
    if text is None:
        return False
    mark = read_mark(text)
    return mark is None or not mark.intact


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
