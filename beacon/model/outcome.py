"""How an attempt on a service ended, and what the process says about all of them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from beacon.errors import ExitStatus
from beacon.model.reference import Digest


class OutcomeKind(Enum):
    """The ends that a check, an update or an apply can come to: the word shown, and its exit status."""

    UP_TO_DATE = ("up to date", ExitStatus.OK)
    AVAILABLE = ("update available", ExitStatus.OK)
    INSTALLED = ("installed", ExitStatus.OK)
    UPDATED = ("updated", ExitStatus.OK)
    STARTED = ("started again", ExitStatus.OK)
    UNCHANGED = ("unchanged", ExitStatus.OK)
    REMOVED = ("removed", ExitStatus.OK)
    PINNED = ("pinned", ExitStatus.OK)
    HELD = ("held", ExitStatus.OK)
    STOPPED = ("stopped", ExitStatus.OK)
    QUARANTINED = ("quarantined", ExitStatus.OK)
    BUSY = ("busy", ExitStatus.OK)
    WAITING = ("waiting", ExitStatus.TEMPFAIL)
    DEFERRED = ("deferred", ExitStatus.TEMPFAIL)
    UNCHECKED = ("could not check", ExitStatus.UNAVAILABLE)
    FAILED = ("failed", ExitStatus.FAILURE)
    ROLLED_BACK = ("rolled back", ExitStatus.ROLLED_BACK)
    ROLLBACK_FAILED = ("rollback failed", ExitStatus.ROLLBACK_FAILED)

    def __init__(self, word: str, status: ExitStatus) -> None:
        self.word = word
        self.status = status


class Outcome(Struct, frozen=True):
    """What became of one service, in one sentence (*detail*) and with what to do about it (*hint*)."""

    service: str
    kind: OutcomeKind
    detail: str = ""
    hint: str | None = None
    release: int | None = None
    digest: Digest | None = None
    """Of the image that is not rolled out."""
    logged: bool = False
    """Whether the journal has it already: the end of a rollout is reported when its state is saved."""
    stale: bool = False
    """Whether what was planned does not hold any more: planned anew, it may come to something else."""
    said: str = ""
    """What people call it, if that is not the word of its kind: a rollback by the owner is no update."""

    @property
    def word(self) -> str:
        """What people call it."""
        return self.said or self.kind.word

    def and_then(self, later: Outcome) -> Outcome:
        """Return the worse of two ends that a service came to, with what is news of both."""
        if self.kind in _NO_NEWS:
            return later
        worse = self if _rank(self) < _rank(later) else later
        return replace(worse, detail=f"{later.detail}; {self.detail}")


def edited_by_hand(service: str, detail: str, hint: str | None = None) -> Outcome:
    """Return that a service is left as its owner edited it."""
    return Outcome(service, OutcomeKind.HELD, detail, hint, said="edited by hand")


class LastCheck(Struct, frozen=True):
    """What the last check of a service found, kept so that the same news is logged once.

    *outcome* is the name of its kind in lower case, *at* is RFC 3339 in UTC.
    """

    at: str
    outcome: str
    detail: str = ""
    answered: str | None = None
    """When a registry last answered for it; empty if it never did, None of older Beacons: at the check."""


_NO_NEWS = {OutcomeKind.UP_TO_DATE, OutcomeKind.PINNED, OutcomeKind.STOPPED}


def _rank(outcome: Outcome) -> int:
    status = outcome.kind.status
    return _WORST_FIRST.index(status) if status in _WORST_FIRST else len(_WORST_FIRST)


_WORST_FIRST = (
    ExitStatus.ROLLBACK_FAILED,
    ExitStatus.ROLLED_BACK,
    ExitStatus.FAILURE,
    ExitStatus.UNAVAILABLE,
    ExitStatus.TEMPFAIL,
)


def exit_status(outcomes: Iterable[Outcome]) -> ExitStatus:
    """Return the status of the worst outcome; 0 where nothing went wrong."""
    statuses = {outcome.kind.status for outcome in outcomes}
    return next((status for status in _WORST_FIRST if status in statuses), ExitStatus.OK)
