"""Jobs of a service: commands that systemd runs in its container when the time has come."""

from __future__ import annotations

from msgspec import Struct

JOB_TIME = 3600.0
"""Seconds that a job may take where its definition does not say."""


class Job(Struct, frozen=True, order=True):
    """``[[job]]``: *command* in the running container, at the times of *schedule*. Durations in seconds."""

    name: str
    schedule: str
    """A calendar expression (systemd.time(7))."""
    command: tuple[str, ...]
    user: str | None = None
    """None: who the container runs as."""
    timeout: float = JOB_TIME
    delay: float = 0.0
    """It begins up to so much later, at random."""
