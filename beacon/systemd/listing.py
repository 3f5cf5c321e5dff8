"""Which units are down, told by systemctl(1): loading D-Bus takes 40 ms."""

from __future__ import annotations

import subprocess

from beacon.model.host import Scope
from beacon.model.unit import PREFIX

_LIMIT = 10.0


def down(scope: Scope) -> frozenset[str]:
    """Return Beacon's loaded units that are inactive or failed; none where systemd does not answer."""
    user = ["--user"] if scope is Scope.USER else []
    states = ["--all", "--state=failed,inactive"]
    form = ["--plain", "--no-legend", "--full"]
    command = ["systemctl", *user, "list-units", *states, *form, f"{PREFIX}*.service"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return frozenset()
    return frozenset(line.split()[0] for line in said.splitlines() if line.strip())
