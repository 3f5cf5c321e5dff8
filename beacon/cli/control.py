"""beacon start, stop and restart: services, as systemctl does it."""

from __future__ import annotations

import typer

from beacon.cli.arguments import Name
from beacon.cli.session import session
from beacon.operations import control
from beacon.operations.control import ServiceRequest


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command()(start)
    app.command()(stop)
    app.command()(restart)


def start(context: typer.Context, name: Name) -> None:
    """Start a service, as systemctl start beacon-NAME does."""
    here = session(context)
    control.start(here.machine(), ServiceRequest(name), here.listener)


def stop(context: typer.Context, name: Name) -> None:
    """Stop a service; updates leave it stopped."""
    here = session(context)
    control.stop(here.machine(), ServiceRequest(name), here.listener)


def restart(context: typer.Context, name: Name) -> None:
    """Restart a service, at the release that it is at."""
    here = session(context)
    control.restart(here.machine(), ServiceRequest(name), here.listener)
