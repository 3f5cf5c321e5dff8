"""What was found wrong, as answers have it."""

from __future__ import annotations

from msgspec import Struct

from beacon.wire.answer import Answer

SEVERITIES = ("ok", "info", "warning", "error")
"""From the best to the worst."""


class FindingInfo(Struct, frozen=True, kw_only=True):
    """One finding: what is the case, why it matters, and what mends it."""

    severity: str
    """ok, info, warning or error."""
    what: str
    why: str | None
    mend: str | None
    """The older name of *fix*; it goes with the next version."""
    fix: str | None


class CheckFinding(FindingInfo, frozen=True, kw_only=True):
    """A finding of one of doctor's checks."""

    check: str


class CheckResult(Struct, frozen=True):
    """How bad the worst finding of a check is."""

    check: str
    severity: str


class Diagnosis(Answer, frozen=True, kw_only=True):
    """What is wrong with a machine; *findings* have those that are in order, too."""

    scope: str
    severity: str
    checks: tuple[CheckResult, ...]
    findings: tuple[CheckFinding, ...]
