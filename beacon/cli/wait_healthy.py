"""beacon wait-healthy: holds the starts of units until a service is healthy."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Annotated

import typer

from beacon.cli.arguments import Name
from beacon.cli.session import session
from beacon.model.host import Engine

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 1.0


def register(app: typer.Typer) -> None:
    """Add the verb of this module."""
    app.command(name="wait-healthy", hidden=True)(wait_healthy)


def wait_healthy(
    context: typer.Context,
    name: Name,
    engine: Annotated[
        Engine | None, typer.Option("--engine", help="The engine that runs the container.")
    ] = None,
) -> None:
    """Wait until a service is healthy, or runs, where nothing checks its health.

    What needs the service waits like this before it starts. Units that systemd starts without Quadlet call
    this too, for themselves: systemd's own limit for a start ends that.
    Exits with 3 if the service is not active, and with 4 if there is none of that name.
    """
    host = session(context).host()
    pid = os.environ.get("MAINPID", "")
    if pid.isdecimal():
        looked_at = host.engine if engine is None else host.engine_of(engine)
        wait(lambda: looked_at.health(name), lambda: _is_alive(pid), time.sleep)
        return
    from beacon.rollout.needed import wait_healthy as wait_for

    (chosen,) = host.select([name])
    wait_for(host.world, chosen)


def wait(look: Callable[[], str | None], alive: Callable[[], bool], sleep: Callable[[float], None]) -> None:
    """Return when *look* finds the container healthy, or running unchecked; or when its process has ended.

    systemd sees that by itself; an unhealthy container may get healthy until the start has lasted too long.
    """
    pause = _FIRST_PAUSE
    while alive() and look() not in {"", "healthy"}:
        sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def _is_alive(pid: str) -> bool:
    """Say whether the unit's main process runs; systemd tells its number (systemd.exec(5), $MAINPID)."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:  # noqa: PTH123  # a device of the kernel
            return stat.read().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False
