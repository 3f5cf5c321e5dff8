"""Notes of what an import does not simply carry over, as answers have them."""

from __future__ import annotations

from msgspec import Struct

from beacon.model.notice import NoteKind


class NoteInfo(Struct, frozen=True, kw_only=True):
    """What became of a key that is not simply carried over: *command* is to be pasted."""

    service: str
    """Empty for what concerns the project."""
    key: str
    kind: str
    """dropped, changed, raw or todo."""
    text: str
    command: str

    @property
    def became(self) -> NoteKind:
        """What became of it, in words."""
        return NoteKind[self.kind.upper()]
