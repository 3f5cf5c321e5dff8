"""How a unit fails, in words; pure."""

from __future__ import annotations

from msgspec import Struct

from beacon.formats.moments import shown_at
from beacon.model.runtime import UnitState

_RESULTS = {
    "core-dump": "crashes",
    "oom-kill": "is killed for lack of memory",
    "timeout": "does not start or stop in time",
    "watchdog": "does not answer its watchdog",
    "resources": "systemd lacks what it needs",
    "start-limit-hit": "has reached its start limit",
    "protocol": "does not say that it is ready",
}
_ENGINE = {125, 126, 127}
"""Statuses of an engine that could not run the command (podman-run(1))."""


def is_failing(unit: UnitState) -> bool:
    """Say whether *unit* has failed, or is about to be started again after it did."""
    return unit.active == "failed" or unit.sub.startswith("auto-restart")


def how_it_fails(unit: UnitState) -> str:
    """Return what becomes of *unit* each time that it is started."""
    if unit.result == "exit-code":
        why = ": the engine could not run it" if unit.exit_status in _ENGINE else ""
        return f"exits with status {unit.exit_status}{why}"
    if unit.result == "signal":
        return f"is killed by signal {unit.exit_status}"
    if unit.result == "success":
        return f"ends with status {unit.exit_status}"
    return _RESULTS.get(unit.result, f"fails ({unit.result})")


class Fails(Struct, frozen=True):
    """*how* a unit fails, *since* when (in microseconds; 0 is not known), and how often it came back."""

    how: str
    since: int
    restarts: int

    def __str__(self) -> str:
        since = f" since {shown_at(self.since)}" if self.since else ""
        again = f", started again {self.restarts} times" if self.restarts > 1 else ""
        return f"{self.how}{since}{again}"
