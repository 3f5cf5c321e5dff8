"""beacon logs: what services and Beacon said."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from beacon import streams
from beacon.cli.arguments import SomeNames, option
from beacon.cli.session import session
from beacon.model.unit import unit_name
from beacon.systemd.reading import LogSelection, whole, without_engine


def logs(
    context: typer.Context,
    names: SomeNames,
    follow: Annotated[bool, option("Show new lines as they come.", "--follow", "-f")] = False,
    lines: Annotated[int | None, option("Show the last so many lines.", "--lines", "-n")] = None,
    since: Annotated[
        str | None, option("Show what was said since: today, -1h, 2026-11-30.", "--since", "-S")
    ] = None,
    everything: Annotated[bool, option("Show Podman's own lines, too.", "--all")] = False,
) -> None:
    """Show what services and Beacon said, in the order in which it was said: journalctl -u beacon-NAME.

    What Podman notes of each start and stop is left out, unless --all is given.
    """
    machine = session(context).machine()
    units = [unit_name(name) for name in machine.select(names)]
    command = whole if everything else without_engine
    argv = command(machine.scope, units, LogSelection(lines, since, follow))
    streams.flush()
    os.execvp(argv[0], argv)  # noqa: S606  # the pager and signals are journalctl's from here on
