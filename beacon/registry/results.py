"""What a check of a reference comes to, and the errors that resolving one raises."""

from __future__ import annotations

import math
from enum import StrEnum

from msgspec import Struct

from beacon.errors import BeaconError, LimitError, RegistryError
from beacon.model.image import ResolvedImage
from beacon.model.reference import Digest


class FailureKind(StrEnum):
    """Why a registry gave no digest."""

    NOT_FOUND = "not found"
    LOGIN_NEEDED = "login needed"
    LOGIN_REFUSED = "login refused"
    UNREACHABLE = "unreachable"
    SERVER_ERROR = "server error"
    TLS = "no trusted TLS"
    UNTRUE = "untrue answer"
    ODD = "odd answer"
    BLOCKED = "blocked"
    CONFIGURATION = "faulty configuration"


_UNITS = (("h", 3600), ("min", 60), ("s", 1))


class Found(Struct, frozen=True):
    """The registry names *digest* for the reference.

    *remaining* is what is left of the pull limit, where the registry says. *warnings* are sentences on what
    the owner should mend although the check went well.
    """

    digest: Digest
    remaining: int | None = None
    warnings: tuple[str, ...] = ()


class Deferred(Struct, frozen=True):
    """The registry asked for patience; *retry_after* is in seconds, None where it did not say.

    *reason* is without them: it stays the same from check to check, and is news once.
    """

    reason: str
    retry_after: float | None = None

    @property
    def when(self) -> str:
        """About when to ask again, in words."""
        return when(self.retry_after)


def when(seconds: float | None) -> str:
    """Return about when *seconds* are over, in words."""
    if seconds is None:
        return "later"
    unit, size = next(((unit, size) for unit, size in _UNITS if seconds >= 2 * size), _UNITS[-1])
    return f"in about {math.ceil(seconds / size)} {unit}"


class Failed(Struct, frozen=True):
    """No digest: one sentence on what went wrong, and what to do about it."""

    problem: str
    hint: str | None = None
    kind: FailureKind = FailureKind.ODD


CheckResult = Found | Deferred | Failed


Resolution = ResolvedImage | BeaconError
"""The image of a wish. Errors are values here: those of one service must not hinder the others."""


def failed(kind: FailureKind, problem: str, hint: str | None = None) -> Failed:
    """Return the failure of that kind."""
    return Failed(problem, hint, kind)


class Budget(Struct, frozen=True):
    """What a registry says of its pull limit: *remaining* of *limit* within *window* seconds."""

    remaining: int
    limit: int | None = None
    window: float | None = None

    def __str__(self) -> str:
        of = f" of {self.limit}" if self.limit is not None else ""
        within = f" within {self.window / 3600:g} h" if self.window else ""
        return f"{self.remaining}{of}{within}"


class BudgetError(LimitError):
    """The pull limit is nearly used up, and what is left is kept for pulls that somebody asks for."""

    def __init__(self, registry: str, budget: Budget) -> None:
        super().__init__(
            f"registry {registry!r} has only {budget} pulls left",
            hint=f"wait, or raise the limit by a login: beacon login {registry}",
        )
        self.registry = registry
        self.budget = budget


class DeferredError(LimitError):
    """The registry asked to wait longer than the deadline; *retry_after* is in seconds where known."""

    def __init__(self, message: str, retry_after: float | None) -> None:
        super().__init__(message, hint=f"try again {when(retry_after)}", retry_after=retry_after)


class PlatformError(RegistryError):
    """The image does not exist for the platform wanted."""


class RefusedError(RegistryError):
    """The registry gave no image; *failure* holds why, as a check would report it."""

    def __init__(self, message: str, failure: Failed) -> None:
        super().__init__(message, hint=failure.hint)
        self.failure = failure


class Refusal(Exception):  # noqa: N818  # carries an outcome; never leaves this package
    """Inside this package: stop asking, the outcome is known."""

    def __init__(self, outcome: Failed | Deferred) -> None:
        super().__init__(outcome)
        self.outcome = outcome
