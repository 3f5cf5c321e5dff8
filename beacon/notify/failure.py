"""A unit of Beacon's own has failed: whether that is news, and what is said of it; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from beacon.errors import ExitStatus

_OF_SERVICES = {ExitStatus.ROLLED_BACK, ExitStatus.ROLLBACK_FAILED, ExitStatus.UNAVAILABLE}
"""How a run of the timer ends for what became of services, of each of which owners are notified."""


def is_reported_otherwise(said: Mapping[str, str], outcomes: Iterable[str]) -> bool:
    """Say whether what systemd *said* of the unit (MONITOR_* in systemd.exec(5)) follows from services.

    *outcomes* are those of the last checks.
    """
    if said.get("MONITOR_EXIT_CODE") != "exited":
        return False
    status = said.get("MONITOR_EXIT_STATUS", "")
    if status == str(int(ExitStatus.FAILURE)):
        return "failed" in set(outcomes)
    return status in {str(int(one)) for one in _OF_SERVICES}


def what_failed(unit: str, said: Mapping[str, str]) -> str:
    """Return in one sentence how the *unit* has ended."""
    result, status = said.get("MONITOR_SERVICE_RESULT", ""), said.get("MONITOR_EXIT_STATUS", "")
    how = {"exit-code": f"exit status {status}", "signal": f"signal {status}", "": "systemd does not say why"}
    return f"{unit} has failed: {how.get(result, result)}; while it fails, no service is updated"
