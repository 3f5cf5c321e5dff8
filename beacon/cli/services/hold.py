"""beacon hold, unhold, approve and reject: whether a service follows its image, and the owner's word."""

from __future__ import annotations

from typing import Annotated

import typer

from beacon.cli.arguments import Name, option, services
from beacon.cli.session import session
from beacon.operations import control
from beacon.operations.control import HoldRequest, ServiceRequest, WaitingRequest


def hold(
    context: typer.Context,
    name: Name,
    reason: Annotated[str, option("Why, for whoever reads it later.", "--reason", "-m")] = "",
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


WaitingName = Annotated[
    str, services("NAME[@DIGEST]", "The service; with how the digest begins where more than one waits.")
]


def approve(context: typer.Context, release: WaitingName) -> None:
    """Let a release start that waits for your word; the next update rolls it out.

    beacon status says what waits, and why.
    """
    here = session(context)
    name, _, digest = release.partition("@")
    answer = control.approve(here.machine(), WaitingRequest(name, digest), here.listener)
    here.output.say(f"{answer.release} is approved; {answer.to_do}")


def reject(context: typer.Context, release: WaitingName) -> None:
    """Pass over an update that waits for your word, until the tag names another image."""
    here = session(context)
    name, _, digest = release.partition("@")
    answer = control.reject(here.machine(), WaitingRequest(name, digest), here.listener)
    here.output.say(f"{answer.release} is rejected; {answer.to_do}")
