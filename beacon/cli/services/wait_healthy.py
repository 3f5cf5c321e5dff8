"""beacon wait-healthy: holds the starts of units until a service is healthy."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from beacon.cli.arguments import Name, option
from beacon.cli.session import session
from beacon.model.machine import Engine
from beacon.operations import waiting
from beacon.operations.waiting import WaitRequest


def wait_healthy(
    context: typer.Context,
    name: Name,
    engine: Annotated[Engine | None, option("The engine that runs the container.", "--engine")] = None,
) -> None:
    """Wait until a service is healthy, or runs, where nothing checks its health.

    What needs the service waits like this before it starts. Units that systemd starts without Quadlet call
    this too, for themselves: systemd's own limit for a start ends that.
    Exits with 3 if the service is not active, and with 4 if there is none of that name.
    """
    here = session(context)
    pid = os.environ.get("MAINPID", "")  # systemd.exec(5)
    request = WaitRequest(name, int(pid) if pid.isdecimal() else None, engine)
    waiting.wait_healthy(here.machine(), request, here.listener)
