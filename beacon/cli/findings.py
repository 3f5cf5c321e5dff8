"""How findings are shown, whichever verb has found them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from beacon.cli.output import Output
from beacon.errors import ExitStatus
from beacon.model.notice import plural
from beacon.wire.finding import SEVERITIES, FindingInfo

_COLOURS = {"ok": "green|", "info": "", "warning": "yellow|", "error": "red|"}
_STATUSES = {"warning": ExitStatus.DOCTOR_WARNING, "error": ExitStatus.DOCTOR_ERROR}


def is_shown(output: Output, severity: str, *, every: bool) -> bool:
    """Say whether a finding of that severity is printed."""
    least = "error" if output.quiet else "ok" if every else "info"
    return SEVERITIES.index(severity) >= SEVERITIES.index(least)


def lines(finding: FindingInfo) -> Iterator[tuple[str, str]]:
    """Yield the state and the sentence of a finding, with its reason and its remedy below it."""
    yield f"{_COLOURS[finding.severity]}{finding.severity}", finding.what
    if finding.why:
        yield "", f"dim|{finding.why}"
    if finding.fix:
        yield "", f"bold|  {finding.fix}"


def counted(severities: Iterable[str]) -> str:
    """Return how many there are of each: ``20 ok, 1 warning, 2 errors``."""
    counts = Counter(severities)
    words = [f"{counts[one]} {one}" for one in ("ok", "info") if counts[one]]
    return ", ".join(words + [plural(counts[one], one) for one in ("warning", "error") if counts[one]])


def exit_status(severity: str) -> ExitStatus:
    """Return what the process says of the worst finding."""
    return _STATUSES.get(severity, ExitStatus.OK)
