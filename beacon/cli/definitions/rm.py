"""beacon rm: services go; their volumes stay unless these are to go, too."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import Annotated

import typer

from beacon.cli.arguments import NamesOrAll, option
from beacon.cli.outcomes import show_answer
from beacon.cli.output import Output
from beacon.cli.session import session
from beacon.errors import UsageError
from beacon.operations.definitions.remove import RemoveRequest, remove
from beacon.wire.definition import Removed


def rm(
    context: typer.Context,
    names: NamesOrAll = None,
    every: Annotated[bool, option("Remove all services.", "--all")] = False,
    purge: Annotated[bool, option("Delete the service's volumes and their data too.", "--purge")] = False,
    yes: Annotated[
        bool, option("Do not ask before all services or data are removed.", "--yes", "-y")
    ] = False,
) -> None:
    """Stop and remove services; their volumes stay without --purge, and their definitions are kept."""
    here = session(context)
    machine = here.machine()
    machine.require_write("rm")
    if bool(names) == every:
        raise UsageError("say which services to remove, or --all", hint="beacon rm NAME")
    here.end_adoptions()
    chosen = machine.select(names)
    if purge and not yes:
        _confirm(f"Delete {', '.join(chosen)} with all data?")
    elif every and chosen and not yes and os.isatty(0):
        typer.confirm(f"Remove {', '.join(chosen)}? Their volumes stay.", abort=True, err=True)
    answer = remove(machine, RemoveRequest(chosen, purge), here.listener)
    _show_definitions(here.output, answer)
    raise typer.Exit(show_answer(here.output, answer, every=True))


def _show_definitions(output: Output, answer: Removed) -> None:
    """Say where the definitions are of the services that are gone."""
    left = answer.definitions
    if len(left) == 1:
        output.say(f"the definition is kept: {left[0]}")
    elif left:
        output.say(f"the definitions are kept in {PurePath(left[0]).parent}")


def _confirm(question: str) -> None:
    if not os.isatty(0):
        raise UsageError("nobody is there to ask whether data may be deleted", hint="add --yes")
    typer.confirm(question, abort=True, err=True)
