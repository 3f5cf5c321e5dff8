"""beacon start, stop and restart: services, as systemctl does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import typer

from beacon.cli.arguments import SomeNames
from beacon.cli.session import session
from beacon.errors import BeaconError
from beacon.operations import control
from beacon.operations.control import ServiceRequest
from beacon.wire.control import Done


def start(context: typer.Context, names: SomeNames) -> None:
    """Start services, as systemctl start beacon-NAME does."""
    each(context, names, control.start)


def stop(context: typer.Context, names: SomeNames) -> None:
    """Stop services; updates leave them stopped."""
    each(context, names, control.stop)


def restart(context: typer.Context, names: SomeNames) -> None:
    """Restart services, at the releases that they are at."""
    each(context, names, control.restart)


def each(context: typer.Context, names: Sequence[str], operation: Callable[..., Done]) -> None:
    """Do it with each service, one that fails or not; with none where one of the names is wrong."""
    here, failed = session(context), []
    machine = here.machine()
    for name in machine.select(names):
        try:
            here.output.notices(operation(machine, ServiceRequest(name), here.listener).warnings)
        except BeaconError as error:
            here.output.error(error)
            failed.append(error.status)
    if failed:
        raise typer.Exit(failed[0])
