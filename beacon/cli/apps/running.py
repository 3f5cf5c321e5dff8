"""beacon app start, stop, restart and open: installed apps as they run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import typer

from beacon.cli.apps.installing import Instance
from beacon.cli.arguments import Json
from beacon.cli.services.control import each
from beacon.cli.session import session
from beacon.operations import control
from beacon.operations.apps.running import InstalledRequest, find_app_url, order
from beacon.programs import browse
from beacon.wire.control import Done


def start(context: typer.Context, name: Instance) -> None:
    """Start all services of an app, each after those that it needs."""
    _all(context, name, control.start)


def stop(context: typer.Context, name: Instance) -> None:
    """Stop all services of an app, each before those that it needs; updates leave them stopped."""
    _all(context, name, control.stop, last_first=True)


def restart(context: typer.Context, name: Instance) -> None:
    """Restart all services of an app, each after those that it needs."""
    _all(context, name, control.restart)


def open_(context: typer.Context, name: Instance, as_json: Json = False) -> None:
    """Print the address of an app; at a terminal with a screen, show it in a browser."""
    here = session(context)
    answer = find_app_url(here.machine(), InstalledRequest(name), here.listener)
    if as_json:
        here.output.data(answer)
        return
    here.output.answer(answer.url)
    if sys.stdout.isatty():
        browse(answer.url, os.environ)


def _all(
    context: typer.Context, name: str, operation: Callable[..., Done], *, last_first: bool = False
) -> None:
    here = session(context)
    services = order(here.machine(), InstalledRequest(name), here.listener).services
    each(context, services[::-1] if last_first else services, operation)
