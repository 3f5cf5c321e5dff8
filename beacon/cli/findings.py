"""How findings are shown, whichever verb has found them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from beacon.cli.output import Output
    from beacon.doctor.finding import Finding, Severity

_COLOURS = {"ok": "green|", "info": "", "warning": "yellow|", "error": "red|"}


def least_shown(output: Output, *, every: bool) -> Severity:
    """Return how bad a finding must be to be printed."""
    from beacon.doctor.finding import Severity

    if output.quiet:
        return Severity.ERROR
    return Severity.OK if every else Severity.INFO


def lines(finding: Finding) -> Iterator[tuple[str, str]]:
    """Yield the state and the sentence of a finding, with its reason and its remedy below it."""
    word = finding.severity.word
    yield f"{_COLOURS[word]}{word}", finding.what
    if finding.why:
        yield "", f"dim|{finding.why}"
    if finding.mend:
        yield "", f"bold|  {finding.mend}"


def entry(finding: Finding) -> dict[str, object]:
    """Return a finding as JSON has it."""
    return {
        "severity": finding.severity.word,
        "what": finding.what,
        "why": finding.why or None,
        "mend": finding.mend or None,
    }
