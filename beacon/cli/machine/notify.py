"""beacon notify list, test and send: who is told of what happens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from beacon.cli.arguments import Json, option
from beacon.cli.session import session
from beacon.errors import ExitStatus
from beacon.model.notice import plural
from beacon.model.notifying.target import Topic
from beacon.operations import notify as operations
from beacon.operations.notify import SendRequest, TryRequest
from beacon.wire.notify import TargetInfo

_HEADINGS = ("TARGET", "BY", "EVENTS", "WHEN", "STATE")


def list_(context: typer.Context, as_json: Json = False) -> None:
    """Show who is told of what, and whether they could be told."""
    here = session(context)
    machine = here.machine()
    answer = operations.list_targets(machine, here.listener)
    if as_json:
        here.output.data(answer)
    elif answer.targets:
        here.output.table(_HEADINGS, [tuple(_row(one)) for one in answer.targets])
    else:
        here.output.say(f"nobody is told; a table [notify.NAME] in {machine.paths.settings} says who is")


def test(
    context: typer.Context,
    targets: Annotated[
        list[str] | None, typer.Argument(metavar="[TARGET]...", help="Who; all by default.")
    ] = None,  # noqa: PT028  # a verb, and no test
) -> None:
    """Send a message to see that it arrives."""
    here = session(context)
    answer = operations.try_targets(here.machine(), TryRequest(tuple(targets or ())), here.listener)
    here.output.notices(answer.warnings)
    here.output.say(f"{plural(answer.sent, 'target')} told")
    if answer.failed:
        raise typer.Exit(ExitStatus.UNAVAILABLE)


def send(
    context: typer.Context,
    failed: Annotated[
        str, option("Tell besides that a unit of Beacon's has failed.", "--failed", metavar="UNIT")
    ] = "",
) -> None:
    """Tell what is due, as beacon-notify.service does after each run of the timer."""
    here = session(context)
    answer = operations.send(here.machine(), SendRequest(failed), here.listener)
    here.output.notices(answer.warnings)
    if answer.sent or not answer.failed:
        here.output.say(f"{plural(answer.sent, 'message')} sent")
    if answer.failed:
        raise typer.Exit(ExitStatus.TEMPFAIL)


def _row(one: TargetInfo) -> Iterator[str]:
    yield one.name
    yield one.by
    yield "all" if len(one.events) == len(Topic) else ", ".join(one.events)
    when = [f"daily {one.daily}"] if one.daily else []
    yield ", ".join([*when, *(f"not {window}" for window in one.quiet)]) or "at once"
    waits = f", {one.queued} to be told" if one.queued else ""
    if one.failures:
        yield f"red|{one.error} ({one.failures} times), again at {one.next_try}{waits}"
    else:
        yield f"{f'told {one.notified}' if one.notified else 'not told anything yet'}{waits}"
