"""What imports come to, as answers have it."""

from __future__ import annotations

from collections.abc import Iterable

from beacon.errors import ExitStatus
from beacon.importing.node import ImportNote
from beacon.importing.result import MadeDefinition
from beacon.wire.answer import Answer
from beacon.wire.note import NoteInfo
from beacon.wire.outcome import Outcomes


class Imports(Answer, frozen=True, kw_only=True):
    """The definitions that were made, where those are that were written, and what they do not say."""

    definitions: tuple[MadeDefinition, ...]
    written: tuple[str, ...]
    report: tuple[NoteInfo, ...]


class Adopted(Outcomes, frozen=True, kw_only=True):
    """What became of a service that was to take a container's place."""

    stands: bool
    """Whether it has done so; the container is back otherwise."""

    @property
    def status(self) -> ExitStatus:
        """The exit status of the rollout, and no less than a failure if the service is not healthy."""
        return max(super().status, ExitStatus.OK if self.stands else ExitStatus.FAILURE)


def note_infos(notes: Iterable[ImportNote]) -> tuple[NoteInfo, ...]:
    """Return what answers say of *notes*."""
    return tuple(
        NoteInfo(
            service=one.service,
            key=one.key,
            kind=one.kind.name.lower(),
            text=one.text,
            command=one.command,
        )
        for one in notes
    )
