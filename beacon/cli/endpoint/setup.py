"""beacon endpoint setup and trust: Caddy answers the domains, and signs for internal ones."""

from __future__ import annotations

from typing import Annotated

import typer

from beacon.cli.arguments import option
from beacon.cli.session import session
from beacon.operations.endpoints.setup import SetUpRequest, root_certificate, set_up


def setup(
    context: typer.Context,
    overwrite: Annotated[
        bool, option("Write over Beacon's file where it was edited by hand.", "--overwrite")
    ] = False,
) -> None:
    """Have Caddy answer the domains of this machine's services, by HTTPS.

    Caddy's configuration gets one line that takes in Beacon's file, and Caddy is started. From now on
    it follows what is added, changed and removed.
    """
    here = session(context)
    answer = set_up(here.machine(), SetUpRequest(overwrite), here.listener)
    here.output.notices(answer.warnings)
    if answer.answers:
        here.output.say("Caddy answers the domains of the services; beacon endpoint list shows them")


def trust(context: typer.Context) -> None:
    """Print the root certificate of Caddy's own authority, which signs for internal names.

    Who has it among the certificates that they trust reaches such names without a warning.
    """
    here = session(context)
    here.output.answer(root_certificate(here.machine()).certificate)
    here.output.say(
        "on Debian: beacon endpoint trust | sudo tee /usr/local/share/ca-certificates/caddy.crt, "
        "then sudo update-ca-certificates"
    )
