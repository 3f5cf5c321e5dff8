"""beacon apply: definitions run as they say."""

from __future__ import annotations

from typing import Annotated

import typer

from beacon.cli.arguments import Json, Names, Overwrite, Retry, option
from beacon.cli.outcomes import show_answer
from beacon.cli.session import session
from beacon.operations.apply import ApplyRequest
from beacon.operations.apply import apply as ask


def apply(
    context: typer.Context,
    names: Names = None,
    overwrite: Overwrite = False,
    retry: Retry = False,
    plan: Annotated[
        str, option("Do nothing unless this is still the plan.", "--plan", metavar="DIGEST")
    ] = "",
    as_json: Json = False,
) -> None:
    """Do what plan shows.

    Units are written, what is new is started, what has changed replaced, what is gone removed.
    """
    here = session(context)
    here.end_adoptions()
    answer = ask(here.machine(), ApplyRequest(tuple(names or ()), overwrite, retry, plan), here.listener)
    raise typer.Exit(show_answer(here.output, answer, every=bool(names), as_json=as_json))
