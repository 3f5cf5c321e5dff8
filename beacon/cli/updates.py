"""beacon update and rollback: follow the registry, and go back."""

from __future__ import annotations

from typing import Annotated

import typer

from beacon.cli.arguments import Json, Name, Names
from beacon.cli.session import session


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command()(update)
    app.command()(rollback)


def update(
    context: typer.Context,
    names: Names = None,
    check: Annotated[bool, typer.Option("--check", help="Only say what is new; change nothing.")] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="With --check: exit with 10 if there is an update.")
    ] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Try quarantined images again.")] = False,
    as_json: Json = False,
) -> None:
    """Check the registry, and roll out what is new, now.

    Services that are named are updated outside of their windows too, and however young the image is.
    """
    from beacon.cli import following
    from beacon.errors import UsageError

    if exit_code and not check:
        raise UsageError(
            "--exit-code is for --check alone: without it, update rolls out what is new",
            hint="beacon update --check --exit-code",
        )
    asked = following.Asked(tuple(names or ()), check, exit_code, retry, as_json)
    raise typer.Exit(following.update(session(context).host(), asked))


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
    from beacon.cli.following import resume
    from beacon.cli.outcomes import show
    from beacon.rollout.back import roll_back

    host = session(context).host()
    host.require_write("rollback")
    (chosen,) = host.select([name])
    interrupted = resume(host, [chosen])
    if interrupted:
        show(host.output, interrupted, every=True, as_json=False)
    host.require_here(chosen)
    outcome = roll_back(host.world, host.renderer, chosen, release)
    host.follow([outcome])
    raise typer.Exit(show(host.output, [outcome], every=True, as_json=as_json))
