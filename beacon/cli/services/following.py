"""What `beacon update` asks for and shows, apart from its words, which a run of the timer need not parse."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence

from beacon.cli.ending import exiting_on_error
from beacon.cli.outcomes import show_answer
from beacon.cli.output import Output
from beacon.cli.reporter import MakeDisplay
from beacon.cli.session import Session, chosen_scope
from beacon.errors import ExitStatus
from beacon.model.outcome import OutcomeKind
from beacon.operations.update import UpdateRequest
from beacon.operations.update import update as ask


def update(here: Session, request: UpdateRequest, *, exit_code: bool, as_json: bool) -> ExitStatus:
    """Ask for an update, show what came of it, and return the exit status."""
    if not request.check:
        here.end_adoptions()
    answer = ask(here.machine(), request, here.listener)
    status = show_answer(here.output, answer, every=request.check or bool(request.services), as_json=as_json)
    is_news = any(outcome.kind is OutcomeKind.AVAILABLE for outcome in answer.services)
    return ExitStatus.UPDATES_AVAILABLE if exit_code and is_news else status


def main(options: Collection[str], names: Sequence[str], display: MakeDisplay) -> None:
    """Run `beacon OPTIONS update NAMES`, of which --user, --system and --check may be options."""
    output = Output()
    with exiting_on_error(output):
        here = Session(chosen_scope("--user" in options, "--system" in options), output, display)
        here.interruption.catch(output.say)
        request = UpdateRequest(tuple(names), check="--check" in options)
        sys.exit(update(here, request, exit_code=False, as_json=False))
