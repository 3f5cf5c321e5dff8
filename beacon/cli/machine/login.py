"""beacon login and logout: credentials of registries, where the timer finds them, also after a reboot."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from beacon.cli.arguments import option
from beacon.cli.session import session
from beacon.operations import login as operations
from beacon.operations.login import LoginRequest, LogoutRequest

Registry = Annotated[str, typer.Argument(metavar="REGISTRY", help="Its name, such as ghcr.io.")]


def login(
    context: typer.Context,
    registry: Registry,
    username: Annotated[str | None, option("Who logs in.", "--username", "-u")] = None,
    password_stdin: Annotated[
        bool, option("Read the password from standard input.", "--password-stdin")
    ] = False,
) -> None:
    """Log in to a registry, for the timer's updates too.

    The engine asks for what is not given. podman login alone would keep the login in memory until the next
    reboot, where the timer may not find it.
    """
    request = LoginRequest(registry, username or "", password_stdin)
    operations.login(session(context).machine(), request, _with_terminal)


def logout(context: typer.Context, registry: Registry) -> None:
    """Forget the login to a registry."""
    here = session(context)
    operations.logout(here.machine(), LogoutRequest(registry), _with_terminal)
    here.output.say(f"logged out of {registry}")


def _with_terminal(command: Sequence[str], environment: Mapping[str, str]) -> int:
    return subprocess.run(command, env=environment, check=False).returncode
