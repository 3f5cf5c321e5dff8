"""What a container comes to while it is read: keys of compose, and what is said of the rest."""

from __future__ import annotations

from dataclasses import dataclass, field

from beacon.formats.node import Node, Place, plant
from beacon.importing.node import ImportNote, Log
from beacon.model.notice import NoteKind

EMPTY: tuple[object, ...] = (None, "", [], {}, 0, False)
"""What engines answer for a setting that a container does not have."""


@dataclass(slots=True)
class Reading:
    """The keys of compose that a container comes to; *obstacles* are why it cannot be adopted as it is."""

    place: str
    log: Log
    fields: dict[str, Node] = field(default_factory=dict)
    obstacles: list[str] = field(default_factory=list)

    def put(self, key: str, value: object, label: str) -> None:
        """Note the value of a key, which inspect has at *label*; nothing where it is empty."""
        if value not in EMPTY:
            self.fields[key] = plant(value, Place(self.place, 0, label))

    def note(self, key: str, kind: NoteKind, text: str) -> None:
        """Say what became of what inspect has at *key*."""
        self.log.note(ImportNote("", key, kind, text))

    def drop(self, key: str, text: str) -> None:
        """Say that what inspect has at *key* is not carried over, and why."""
        self.note(key, NoteKind.DROPPED, text)
