"""beacon plan: what apply would do, step by step."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer
from msgspec import UNSET

from beacon.cli.arguments import Json, Names, Overwrite, Retry, option
from beacon.cli.output import Output
from beacon.cli.session import session
from beacon.model.plan import diff as compared
from beacon.model.unit import MARK
from beacon.operations.apply import ApplyRequest
from beacon.operations.apply import plan as ask
from beacon.wire.plan import SHOWN, PlanAnswer, PlanStep, RolloutStep, RolloutSteps

_NAMED = 5
"""So many services are named; of more, their number is."""
_OWN = re.compile(rf"^(?:{MARK}.*|\s*(?:Label=|--label=)\"?io\.beacon\..*)\n", re.MULTILINE)
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


def plan(
    context: typer.Context,
    names: Names = None,
    overwrite: Overwrite = False,
    retry: Retry = False,
    diff: Annotated[bool, option("Show how files would change.", "--diff/--no-diff")] = True,
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
        show_plan(here.output, answer, f"beacon apply --plan {answer.digest[:SHOWN]}", diff=diff)
    raise typer.Exit(answer.status)


def show_plan(output: Output, answer: PlanAnswer, command: str, *, diff: bool = True) -> None:
    """Show a plan, that *command* does."""
    output.notices(answer.warnings)
    for one in answer.changes:
        output.labelled(one.service, "; ".join(one.changes))
    for number, step in enumerate(answer.steps, start=1):
        output.paragraph(f"{number}. {describe(step)}: {step.reason.sentence}", margin=3)
        if diff and (lines := list(_diff(step))):
            output.answer("\n".join(f"     {line}" for line in lines))  # of a thousand files, at once
    _print_rollouts(output, answer.rollouts)
    if answer.steps:
        output.say(f"{command} does exactly this, or nothing")
    elif not answer.services:
        output.answer("nothing to do")
    for outcome in answer.services:
        output.warn(f"{outcome.service}: {outcome.word}: {outcome.detail}")
        if outcome.hint:
            output.say(f"{outcome.service}: {outcome.hint}")
    for left in (*answer.conflicts, *answer.kept):
        output.warn(left.reason)


def _print_rollouts(output: Output, rollouts: Iterable[RolloutSteps]) -> None:
    """Print how services get their releases; those that get them in the same way, at once."""
    alike: dict[tuple[tuple[RolloutStep, ...], ...], list[str]] = {}
    for one in rollouts:
        alike.setdefault((one.steps, one.back), []).append(one.service)
    for (steps, back), names in alike.items():
        shown = ", ".join(names[:_NAMED]) + (
            f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        )
        output.answer(f"the rollout of {shown}:")
        output.answer("\n".join(f"   - {step.sentence}" for step in steps))
        if back:
            output.answer("   if that fails:")
            output.answer("\n".join(f"   - {step.sentence}" for step in back))


def describe(step: PlanStep) -> str:
    """Return a step in a few words."""
    return _WORDS[step.action].format(step)


def _diff(step: PlanStep) -> Iterator[str]:
    if step.old is not UNSET and step.name is not UNSET:
        text = None if step.text is UNSET else _plain(step.text)
        yield from compared(step.name, _plain(step.old), text)


def _plain(text: str | None) -> str | None:
    """Return a file without what follows from the rest of it: its checksum, and Beacon's own labels."""
    return None if text is None else _OWN.sub("", text)
