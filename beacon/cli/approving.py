"""beacon approve: the owner's word for a release that waits for it."""

from __future__ import annotations

from typing import Annotated

import typer

from beacon.cli.arguments import complete_service
from beacon.cli.session import session


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command()(approve)


def approve(
    context: typer.Context,
    release: Annotated[
        str,
        typer.Argument(
            metavar="NAME[@DIGEST]",
            help="The service, and how the digest of the release begins where more than one waits.",
            autocompletion=complete_service,
        ),
    ],
) -> None:
    """Let a release start that waits for your word; the next update rolls it out.

    beacon status says what waits, and why.
    """
    from beacon.reconcile.approval import what_to_do
    from beacon.rollout import waiting

    host = session(context).host()
    host.require_write("approve")
    name, _, digest = release.partition("@")
    (chosen,) = host.select([name])
    with host.alone([chosen]):
        approved = waiting.approve(host.world, chosen, digest)
    command = what_to_do(chosen, approved)
    host.output.say(f"{approved.reference.with_digest(approved.digest)} is approved; {command}")
