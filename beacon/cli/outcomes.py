"""Tell the owner how things ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from beacon.model.outcome import Outcome, OutcomeKind, exit_status

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
    """Print *outcomes* (with *every*, those without news too) and return the exit status of the worst."""
    if as_json:
        output.json({"services": [as_dict(outcome) for outcome in outcomes]})
        return exit_status(outcomes)
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
    return exit_status(outcomes)


def summary(outcomes: Iterable[Outcome]) -> str:
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


def as_dict(outcome: Outcome) -> dict[str, object]:
    """Return an outcome as JSON has it."""
    return {
        "service": outcome.service,
        "outcome": outcome.kind.name.lower(),
        "detail": outcome.detail,
        "hint": outcome.hint,
        "release": outcome.release,
    }
