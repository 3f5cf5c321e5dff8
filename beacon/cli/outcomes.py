"""Tell the owner how things ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from beacon.model.notice import plural
from beacon.model.outcome import OutcomeKind
from beacon.wire.outcome import OutcomeInfo, Outcomes

if TYPE_CHECKING:
    from beacon.cli.output import Output
    from beacon.errors import ExitStatus

_COLOURS = {
    OutcomeKind.INSTALLED: "green",
    OutcomeKind.UPDATED: "green",
    OutcomeKind.STARTED: "yellow",
    OutcomeKind.AVAILABLE: "green",
    OutcomeKind.WAITING: "yellow",
    OutcomeKind.DEFERRED: "yellow",
    OutcomeKind.QUARANTINED: "yellow",
    OutcomeKind.UNCHECKED: "red",
    OutcomeKind.FAILED: "red",
    OutcomeKind.ROLLED_BACK: "red",
    OutcomeKind.ROLLBACK_FAILED: "red",
}
_SILENT = {OutcomeKind.UP_TO_DATE, OutcomeKind.PINNED, OutcomeKind.UNCHANGED}


def show_answer(output: Output, answer: Outcomes, *, every: bool, as_json: bool = False) -> ExitStatus:
    """Print what became of services (with *every*, of those without news too); return the exit status."""
    if as_json:
        output.data(answer)
        return answer.status
    output.notices(answer.warnings)
    outcomes = answer.services
    shown = [outcome for outcome in outcomes if every or outcome.kind not in _SILENT]
    if shown and not output.quiet:
        rows = [
            (
                one.service,
                f"{_COLOURS.get(one.kind, '')}|{one.word}" if one.kind in _COLOURS else one.word,
                one.detail,
            )
            for one in shown
        ]
        output.table(("SERVICE", "OUTCOME", "DETAIL"), rows)
    for outcome in outcomes:
        if outcome.hint and (outcome.kind.status or _waits(outcome)):
            output.say(f"{outcome.service}: {outcome.hint}")
    if not every:
        output.say(summary(outcomes))
    return answer.status


def _waits(outcome: OutcomeInfo) -> bool:
    """Say whether a check has found what an update would not bring now."""
    return outcome.kind is OutcomeKind.AVAILABLE and outcome.word != outcome.kind.word


def summary(outcomes: Iterable[OutcomeInfo]) -> str:
    """Return one line that counts the ends: ``30 services: 29 up to date, 1 updated``."""
    rows = list(outcomes)
    if not rows:
        return "no services"
    counts = Counter(outcome.word for outcome in rows)
    services = len({outcome.service for outcome in rows})  # one may have come to two ends
    return f"{plural(services, 'service')}: {', '.join(f'{n} {word}' for word, n in counts.items())}"
