"""What an ordinary user's account must have to run services."""

from __future__ import annotations

import pwd
from pathlib import Path

SUBORDINATE = (Path("/etc/subuid"), Path("/etc/subgid"))
_LINGER = Path("/var/lib/systemd/linger")
_LOWEST_PORT = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
_RANGE_FIELDS = 3


def user_name(uid: int) -> str:
    """Return what a user is called; the number where nobody is."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def lingers(user: str) -> bool:
    """Say whether the manager of *user* runs without a login (loginctl(1), enable-linger)."""
    return (_LINGER / user).exists()


def subordinate_ids(path: Path, user: str, uid: int) -> int:
    """Return how many ids *path* gives to *user*, by name or number (subuid(5)); 0 without such a file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return 0
    rows = [line.split(":") for line in lines]
    return sum(
        int(row[2])
        for row in rows
        if len(row) == _RANGE_FIELDS and row[0] in {user, str(uid)} and row[2].isdecimal()
    )


def lowest_port() -> int:
    """Return the lowest port that an ordinary user may listen on (ip-sysctl, ip_unprivileged_port_start)."""
    return int(_LOWEST_PORT.read_text(encoding="ascii"))
