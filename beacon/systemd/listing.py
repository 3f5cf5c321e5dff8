"""Which units are not up, told by systemctl(1): loading D-Bus takes 40 ms."""

from __future__ import annotations

import subprocess

from beacon.model.machine import Scope
from beacon.model.runtime import Unwell
from beacon.model.unit import PREFIX

_LIMIT = 10.0
_ACTIVE = 2
"""The column of the state."""


def unwell(scope: Scope) -> Unwell:
    """Return Beacon's loaded units that are down or fail again and again; none if systemd does not answer."""
    user = ["--user"] if scope is Scope.USER else []
    states = ["--all", "--state=failed,inactive,auto-restart,auto-restart-queued"]
    form = ["--plain", "--no-legend", "--full"]
    command = ["systemctl", *user, "list-units", *states, *form, f"{PREFIX}*.service"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return Unwell()
    rows = [line.split(maxsplit=4) for line in said.splitlines()]  # UNIT LOAD ACTIVE SUB DESCRIPTION
    units = {row[0]: row[2] for row in rows if len(row) > _ACTIVE}
    restarting = frozenset(name for name, active in units.items() if active == "activating")
    return Unwell(frozenset(units) - restarting, restarting)
