"""beacon exec: a command in the container of a service."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from beacon import streams
from beacon.cli.arguments import Name
from beacon.cli.session import session
from beacon.operations.services.entering import EnterRequest, enter

_SHELL = ("sh",)


def exec_(
    context: typer.Context,
    name: Name,
    command: Annotated[list[str] | None, typer.Argument(help="The command and its arguments.")] = None,
) -> None:
    """Run a command in the container of a service, or a shell.

    All that follows NAME is the command's. Its exit status is the command's; 3 if the service does not run.
    """
    here = session(context)
    typed = tuple(command or ())
    terminal = os.isatty(0) and sys.stdout.isatty()
    request = EnterRequest(name, typed[typed[:1] == ("--",) :] or _SHELL, terminal=terminal)
    argv = enter(here.machine(), request, here.listener)
    streams.flush()
    os.execvp(argv[0], argv)  # noqa: S606  # the terminal and signals are the command's from here on
