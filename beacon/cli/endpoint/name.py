"""beacon endpoint name: a domain that is easy to remember."""

from __future__ import annotations

from typing import Annotated

import typer

from beacon.cli.arguments import services
from beacon.cli.session import session
from beacon.operations.endpoints.address import DomainRequest, memorable_domain


def name(
    context: typer.Context,
    name: Annotated[str | None, services("[NAME]", "The service.")] = None,
) -> None:
    """Print a domain that is easy to remember, and that no service has.

    Of a service it is the one that domain = "auto" gives it, and gave it.
    """
    here = session(context)
    here.output.answer(memorable_domain(here.machine(), DomainRequest(name or ""), here.listener).domain)
