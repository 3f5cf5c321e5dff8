"""beacon plan: what apply would do, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer
from msgspec import UNSET

from beacon.cli.arguments import Json, Names, Overwrite, Retry
from beacon.cli.output import Output
from beacon.cli.session import session
from beacon.model.plan import diff as compared
from beacon.operations.apply import ApplyRequest
from beacon.operations.apply import plan as ask
from beacon.wire.plan import PlanAnswer, PlanStep

_WORDS = {
    "pull-image": "pull {0.image}",
    "move-service": "stop {0.services[0]} and copy its volumes from {0.source}",
    "copy-volumes": "stop {0.services[0]} and copy volumes that never had a name",
    "stop-unit": "stop {0.unit}",
    "remove-file": "remove {0.name}",
    "write-file": "write {0.name}",
    "daemon-reload": "reload systemd",
    "start-unit": "start {0.unit}",
    "restart-unit": "restart {0.unit}, through the health gate",
}


def register(app: typer.Typer) -> None:
    """Add the verb of this module."""
    app.command()(plan)


def plan(
    context: typer.Context,
    names: Names = None,
    overwrite: Overwrite = False,
    retry: Retry = False,
    diff: Annotated[bool, typer.Option("--diff/--no-diff", help="Show how files would change.")] = True,
    as_json: Json = False,
) -> None:
    """Show what apply would do, step by step, with the reason of each.

    The exit status tells what could not be planned: 69 if a registry could not be asked.
    """
    here = session(context)
    answer = ask(here.machine(), ApplyRequest(tuple(names or ()), overwrite, retry), here.listener)
    if as_json:
        here.output.data(answer)
    else:
        _print(here.output, answer, diff=diff)
    raise typer.Exit(answer.status)


def _print(output: Output, answer: PlanAnswer, *, diff: bool) -> None:
    output.notices(answer.warnings)
    for number, step in enumerate(answer.steps, start=1):
        output.answer(f"{number}. {describe(step)}: {step.reason.sentence}")
        if diff and (lines := list(_diff(step))):
            output.answer("\n".join(f"     {line}" for line in lines))  # of a thousand files, at once
    if not answer.steps and not answer.services:
        output.answer("nothing to do")
    for outcome in answer.services:
        output.warn(f"{outcome.service}: {outcome.kind.word}: {outcome.detail}")
        if outcome.hint:
            output.say(f"{outcome.service}: {outcome.hint}")
    for left in (*answer.conflicts, *answer.kept):
        output.warn(left.reason)


def describe(step: PlanStep) -> str:
    """Return a step in a few words."""
    return _WORDS[step.action].format(step)


def _diff(step: PlanStep) -> Iterator[str]:
    if step.old is not UNSET and step.name is not UNSET:
        yield from compared(step.name, step.old, None if step.text is UNSET else step.text)
