"""beacon update and rollback: follow the registry, and go back."""

from __future__ import annotations

from typing import Annotated

import typer

from beacon.cli.arguments import Json, Name, Names, option
from beacon.cli.outcomes import show_answer
from beacon.cli.services import following
from beacon.cli.session import session
from beacon.errors import UsageError
from beacon.operations.update import RollbackRequest, UpdateRequest
from beacon.operations.update import rollback as ask


def update(
    context: typer.Context,
    names: Names = None,
    check: Annotated[bool, option("Only say what is new; change nothing.", "--check")] = False,
    exit_code: Annotated[
        bool, option("With --check: exit with 10 if there is an update.", "--exit-code")
    ] = False,
    retry: Annotated[bool, option("Try quarantined images again.", "--retry")] = False,
    as_json: Json = False,
) -> None:
    """Check the registry, and roll out what is new, now.

    Services that are named are updated outside of their windows too, and however young the image is.
    """
    if exit_code and not check:
        raise UsageError(
            "--exit-code is for --check alone: without it, update rolls out what is new",
            hint="beacon update --check --exit-code",
        )
    request = UpdateRequest(tuple(names or ()), check, retry)
    raise typer.Exit(following.update(session(context), request, exit_code=exit_code, as_json=as_json))


def rollback(
    context: typer.Context,
    name: Name,
    release: Annotated[
        int | None, typer.Argument(help="The release to go back to; the previous one by default.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Go back to a release, from the image on disk.

    Its registry is not needed. The release left is quarantined: the service follows its image
    again with the next push.
    """
    here = session(context)
    answer = ask(here.machine(), RollbackRequest(name, release), here.listener)
    raise typer.Exit(show_answer(here.output, answer, every=True, as_json=as_json))
