"""beacon endpoint open: the URL of an endpoint, and a browser that shows it where there is one."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from beacon.cli.arguments import services
from beacon.cli.session import session
from beacon.operations.endpoints.address import UrlRequest, find_url
from beacon.programs import browse


def open_(
    context: typer.Context,
    domain: Annotated[str, services("DOMAIN", "A domain, or a service by name.")],
) -> None:
    """Print the URL of a service, and show it in a browser where there is one to show it.

    That is the command in BROWSER, or what the graphical session opens such things with.
    """
    here = session(context)
    answer = find_url(here.machine(), UrlRequest(domain), here.listener)
    here.output.notices(answer.warnings)
    here.output.answer(answer.url)
    if answer.url.startswith("http"):
        browse(answer.url, os.environ)
