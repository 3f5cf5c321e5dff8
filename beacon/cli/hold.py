"""beacon hold, unhold and approve: whether a service follows its image, and the owner's word."""

from __future__ import annotations

from typing import Annotated

import typer

from beacon.cli.arguments import Name, complete_service
from beacon.cli.session import session
from beacon.operations import control
from beacon.operations.control import ApproveRequest, HoldRequest, ServiceRequest


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command()(hold)
    app.command()(unhold)
    app.command()(approve)


def hold(
    context: typer.Context,
    name: Name,
    reason: Annotated[str, typer.Option("--reason", "-m", help="Why, for whoever reads it later.")] = "",
) -> None:
    """Stop following the image; the service stays at its release."""
    here = session(context)
    control.hold(here.machine(), HoldRequest(name, reason), here.listener)
    here.output.say(f"{name} is held; beacon unhold {name} follows its image again")


def unhold(context: typer.Context, name: Name) -> None:
    """Follow the image again."""
    here = session(context)
    control.unhold(here.machine(), ServiceRequest(name), here.listener)
    here.output.say(f"{name} follows its image again")


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
    here = session(context)
    name, _, digest = release.partition("@")
    answer = control.approve(here.machine(), ApproveRequest(name, digest), here.listener)
    here.output.say(f"{answer.release} is approved; {answer.to_do}")
