"""docker's firewall, which does not know Podman's containers."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

_DROPS = "-P FORWARD DROP"
_PASSES = re.compile(r"^-A DOCKER-USER (?:-[io] podman\S* )?-j ACCEPT$", re.MULTILINE)

LET_THROUGH = (
    "iptables -I DOCKER-USER -i podman+ -j ACCEPT",
    "iptables -I DOCKER-USER -o podman+ -j ACCEPT",
)
"""Have docker let pass what comes from Podman's networks and goes there; the chain is for such rules."""


_BRIDGED = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")


def filters_bridges() -> bool:
    """Say whether the firewall also sees what containers of one network send each other, as docker has it."""
    try:
        return _BRIDGED.read_text(encoding="ascii").strip() == "1"
    except OSError:
        return False


def docker_drops() -> bool:
    """Say whether docker's daemon has the machine drop what others send to Podman's containers.

    The daemon sets the policy of the chain FORWARD, and what it drops no rule of Podman's can let pass. Ports
    that are published on the loopback address are not concerned.
    """
    try:
        said = subprocess.run(["iptables", "-S"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return False
    return _DROPS in said and "-N DOCKER-USER" in said and not _PASSES.search(said)
