"""What became of services, as answers have it."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from beacon.errors import ExitStatus
from beacon.model.outcome import Outcome, OutcomeKind, exit_status
from beacon.wire.answer import Answer


class OutcomeInfo(Struct, frozen=True, kw_only=True):
    """What became of one service."""

    service: str
    outcome: str
    """One of the names in beacon.model.outcome, in lower case."""
    detail: str
    hint: str | None
    release: int | None
    digest: str | None
    """Of the image that is not rolled out."""
    word: str
    """The same as *outcome* for people, and closer: ``started``, ``rolled back by you``."""

    @property
    def kind(self) -> OutcomeKind:
        """The end that it came to."""
        return OutcomeKind[self.outcome.upper()]


class Outcomes(Answer, frozen=True, kw_only=True):
    """What became of services."""

    services: tuple[OutcomeInfo, ...]

    @property
    def status(self) -> ExitStatus:
        """The exit status of the worst of them."""
        return exit_status(Outcome(one.service, one.kind) for one in self.services)


def outcome_infos(outcomes: Iterable[Outcome]) -> tuple[OutcomeInfo, ...]:
    """Return what answers say of *outcomes*."""
    return tuple(
        OutcomeInfo(
            service=one.service,
            outcome=one.kind.name.lower(),
            detail=one.detail,
            hint=one.hint,
            release=one.release,
            digest=one.digest,
            word=one.word,
        )
        for one in outcomes
    )
