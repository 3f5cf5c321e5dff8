"""Health checks: what the engine is told, and how long a start may take because of them."""

from __future__ import annotations

import math
import shlex

from beacon.model.service import Health, HealthAction, RestartPolicy, Service
from beacon.model.unit import JOB_LIMIT
from beacon.units.directives import Sheet
from beacon.units.quoting import as_json

INTERVAL = 30.0
TIMEOUT = 30.0
RETRIES = 3
"""Podman's own defaults (podman-run(1)), for what neither the definition nor the image says."""

STARTUP_INTERVAL = 2.0
"""How often a container that comes up is checked."""
QUICK_INTERVAL = 5.0
"""A regular interval up to this notices a start soon enough."""

START_LIMIT = 120.0
"""Seconds that a start may take where nothing checks health; images are pulled beforehand."""
START_SLACK = 30.0
"""On top of what the check takes: making the container on a slow disk."""
STOP_SLACK = 10.0
"""Between the engine's SIGKILL and systemd's."""


def render_health(sheet: Sheet, service: Service, declared: Health, *, own_check: bool = False) -> None:
    """Write the checks that the engine runs; http and tcp are probed by Beacon, from outside.

    *declared* is what the definition alone says.
    """
    health = service.health
    action = _on_failure(sheet, service, declared)
    if health.disable:
        sheet.without_health()
        return
    if health.command is None:
        return
    command = command_line(health.command)
    sheet.health_command(health, command, own_check=own_check)
    for key, seconds, name in (
        ("HealthInterval", health.interval, "interval"),
        ("HealthTimeout", health.timeout, "timeout"),
        ("HealthStartPeriod", health.start_period, "start_period"),
    ):
        if seconds is not None:
            sheet.option(key, span(seconds), f"health.{name}")
    if health.retries is not None:
        sheet.option("HealthRetries", str(health.retries), "health.retries")
    if action is not None:
        sheet.option("HealthOnFailure", action.value, "health.on_failure")
    if sheet.has("HealthStartupCmd"):
        _render_startup(sheet, health, command)
    sheet.hold_start(by_owner="Notify" in service.podman.container)


def command_line(command: tuple[str, ...]) -> str:
    """Return a check as ``--health-cmd`` reads it in every version: a JSON array.

    Up to Podman 5.7 an array that begins with CMD becomes a single word that never succeeds, so the exec form
    is written without it; an array of one word would become a shell line, so that is said openly.
    """
    words = command[1:] if command[0] == "CMD" else command
    if words[0] == "CMD-SHELL":
        return as_json(("CMD-SHELL", " ".join(words[1:])))
    if len(words) == 1:
        return as_json(("CMD-SHELL", shlex.quote(words[0])))
    return as_json(words)


def start_limit(service: Service, *, waits_for_health: bool) -> float:
    """Return the seconds that a start may take until it counts as failed."""
    health = service.health
    if service.restart.policy is RestartPolicy.ONESHOT:
        return JOB_LIMIT
    if health.command is None or health.disable or not waits_for_health:
        return START_LIMIT
    interval = INTERVAL if health.interval is None else health.interval
    timeout = TIMEOUT if health.timeout is None else health.timeout
    retries = RETRIES if health.retries is None else health.retries
    return (health.start_period or 0.0) + retries * (interval + timeout) + START_SLACK


def span(seconds: float) -> str:
    """Return a time span as Go and systemd both read it."""
    if seconds == int(seconds):
        return f"{int(seconds)}s"
    return f"{math.ceil(seconds * 1000)}ms"


def _on_failure(sheet: Sheet, service: Service, declared: Health) -> HealthAction | None:
    """Return what the engine is told to do with an unhealthy container; None leaves it at doing nothing.

    What cannot be done is a fault of a definition that asks for it, and passed over where the image does.
    """
    action = service.health.on_failure
    problem = None if action in {None, HealthAction.NONE} else _on_failure_problem(sheet, service)
    if problem is not None:
        if declared.on_failure is not None:
            sheet.fault("health.on_failure", problem)
        return None
    if not sheet.has("HealthOnFailure"):
        return None
    # Podman must not restart a container that systemd owns (podman-run(1), --health-on-failure): it is
    # killed, and the unit's Restart= does the rest.
    return HealthAction.KILL if action is HealthAction.RESTART else action


def _on_failure_problem(sheet: Sheet, service: Service) -> str | None:
    """Say why nothing can be done with an unhealthy container."""
    health = service.health
    if not sheet.has("HealthOnFailure"):
        return f"is nothing that {sheet.engine} {sheet.version} can do; leave it out"
    if health.on_failure is HealthAction.RESTART and service.restart.policy.is_never:
        return f'must not be "restart" where restart.policy is "{service.restart.policy}"'
    if health.command is None or health.disable:
        return (
            f'must not be "{health.on_failure}" without health.command or the image\'s HEALTHCHECK: '
            f"{sheet.engine} acts on checks of its own, and Beacon looks at http and tcp from outside"
        )
    return None


def _render_startup(sheet: Sheet, health: Health, command: str) -> None:
    """Check often until the first success, so that a start is noticed at once.

    The first check runs as the container starts, the next only after the interval; the startup check shortens
    that, its first success makes the container healthy, and its failures never make it unhealthy
    (libpod/healthcheck.go of Podman).
    """
    if (INTERVAL if health.interval is None else health.interval) <= QUICK_INTERVAL:
        return
    sheet.option("HealthStartupCmd", command, "health.command")
    sheet.option("HealthStartupInterval", span(STARTUP_INTERVAL), "health.interval")
    sheet.option("HealthStartupRetries", "0", "health.retries")
    if health.timeout is not None:
        sheet.option("HealthStartupTimeout", span(health.timeout), "health.timeout")
