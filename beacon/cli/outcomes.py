"""Tell the owner how things ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from beacon.model.outcome import Outcome, OutcomeKind
from beacon.wire.outcome import OutcomeInfo, Outcomes, outcome_infos

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


def show(output: Output, outcomes: Sequence[Outcome], *, every: bool, as_json: bool) -> ExitStatus:
    """Print *outcomes* of verbs that are not operations yet."""
    return show_answer(output, Outcomes(services=outcome_infos(outcomes)), every=every, as_json=as_json)


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
                f"{_COLOURS.get(one.kind, '')}|{one.kind.word}" if one.kind in _COLOURS else one.kind.word,
                one.detail,
            )
            for one in shown
        ]
        output.table(("SERVICE", "OUTCOME", "DETAIL"), rows)
    for outcome in outcomes:
        if outcome.hint and outcome.kind.status:
            output.say(f"{outcome.service}: {outcome.hint}")
    if not every:
        output.say(summary(outcomes))
    return answer.status


def summary(outcomes: Iterable[OutcomeInfo]) -> str:
    """Return one line that counts the ends: ``30 services: 29 up to date, 1 updated``."""
    counts: dict[str, int] = {}
    for outcome in outcomes:
        counts[outcome.kind.word] = counts.get(outcome.kind.word, 0) + 1
    total = sum(counts.values())
    noun = "service" if total == 1 else "services"
    return (
        f"{total} {noun}: " + ", ".join(f"{count} {word}" for word, count in counts.items())
        if total
        else "no services"
    )
