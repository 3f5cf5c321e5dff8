"""beacon logs: what a service and Beacon said."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from beacon import streams
from beacon.cli.arguments import Name
from beacon.cli.session import session
from beacon.model.host import Scope
from beacon.model.unit import unit_name


def register(app: typer.Typer) -> None:
    """Add the verb of this module."""
    app.command()(logs)


def logs(
    context: typer.Context,
    name: Name,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show new lines as they come.")] = False,
    lines: Annotated[int | None, typer.Option("--lines", "-n", help="Show the last so many lines.")] = None,
) -> None:
    """Show what a service and Beacon said: journalctl -u beacon-NAME."""
    machine = session(context).machine()
    (chosen,) = machine.select([name])
    argv = ["journalctl", *(["--user"] if machine.scope is Scope.USER else []), f"--unit={unit_name(chosen)}"]
    argv += ["--follow"] if follow else []
    argv += [f"--lines={lines}"] if lines is not None else []
    streams.flush()
    os.execvp(argv[0], argv)  # noqa: S606  # the pager and signals are journalctl's from here on
