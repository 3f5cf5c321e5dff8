"""Processes of units."""

from __future__ import annotations

_ENDED = {"Z", "X"}
"""States of a process that has ended, though its parent has not asked for its status (proc_pid_stat(5))."""


def is_alive(pid: int) -> bool:
    """Say whether a process runs."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:  # noqa: PTH123  # a device of the kernel
            return stat.read().rpartition(")")[2].split()[0] not in _ENDED
    except OSError:
        return False
