"""beacon app do: what an installed app can be had to do."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from beacon import streams
from beacon.cli.apps.installing import Instance
from beacon.cli.arguments import Json, option
from beacon.cli.session import Session, session
from beacon.errors import UsageError
from beacon.model.sensitive import redacted
from beacon.operations.apps.acting import ActRequest, act, list_actions
from beacon.operations.apps.running import InstalledRequest
from beacon.programs import relay
from beacon.wire.apps import ActionInfo, Actions


def do(
    context: typer.Context,
    name: Instance,
    action: Annotated[str, typer.Argument(metavar="[ACTION]", help="What is done.")] = "",
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[ARGUMENT]...", help="What the action takes.")
    ] = None,
    yes: Annotated[bool, option("Do not ask.", "--yes", "-y")] = False,
    as_json: Json = False,
) -> None:
    """Have an installed app do something; without an action, show what there is.

    It is run in the app's container, and its exit status is that of this command. What follows goes to it,
    and behind -- all that does. Values of the app's secrets are left out of what it prints.
    """
    here = session(context)
    known = list_actions(here.machine(), InstalledRequest(name), here.listener)
    if not action:
        _show(here, known, as_json=as_json)
        return
    chosen = act(here.machine(), ActRequest(name, action, tuple(arguments or ())), here.listener)
    _confirm(next(one for one in known.actions if one.id == action), yes=yes)
    status = relay(
        chosen.argv,
        lambda text: streams.answer(redacted(text, chosen.hidden)),
        lambda text: streams.say(redacted(text, chosen.hidden)),
    )
    raise typer.Exit(status)


def _show(here: Session, known: Actions, *, as_json: bool) -> None:
    if as_json:
        here.output.data(known)
    elif known.actions:
        rows = [(f"{one.id} {one.takes}".strip(), one.label) for one in known.actions]
        here.output.table(("ACTION", "WHAT IT DOES"), rows)
    else:
        here.output.say(f"{known.name} has no actions")


def _confirm(action: ActionInfo, *, yes: bool) -> None:
    """Ask the owner, if the action wants that. Raises UsageError if the answer is no."""
    if yes or not action.confirm:
        return
    if not os.isatty(0):
        raise UsageError(f"{action.confirm} Nobody can be asked here", hint="--yes if you are sure")
    if not typer.confirm(action.confirm, err=True):
        raise UsageError("nothing is done")
