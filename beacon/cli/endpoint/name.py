"""beacon endpoint name: a domain that is easy to remember."""

from __future__ import annotations

from typing import Annotated

import typer

from beacon.cli.arguments import complete_service
from beacon.cli.session import session
from beacon.operations.endpoints.address import DomainRequest, memorable_domain


def register(group: typer.Typer) -> None:
    """Add the verb of this module."""
    group.command(name="name")(give_name)


def give_name(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="The service.", autocompletion=complete_service),
    ] = None,
) -> None:
    """Print a domain that is easy to remember, and that no service has.

    Of a service it is the one that domain = "auto" gives it, and gave it.
    """
    here = session(context)
    here.output.answer(memorable_domain(here.machine(), DomainRequest(name or ""), here.listener).domain)
