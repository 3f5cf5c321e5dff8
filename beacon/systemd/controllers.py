"""The controllers with which systemd can limit services (cgroups(7))."""

from __future__ import annotations

from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_FILE = "cgroup.controllers"


def given_controllers(uid: int | None = None, *, root: Path = _ROOT) -> frozenset[str] | None:
    """Return the controllers of the machine's manager, or of that of the user *uid*.

    None where control groups are of version 1, which has no such list.
    """
    if not (root / _FILE).exists():
        return None
    group = root if uid is None else root / f"user.slice/user-{uid}.slice/user@{uid}.service"
    try:
        return frozenset((group / _FILE).read_text(encoding="ascii").split())
    except FileNotFoundError:
        return frozenset()
