"""What services take of the machine, as answers have it."""

from __future__ import annotations

from msgspec import Struct

from beacon.wire.answer import Answer


class ServiceStats(Struct, frozen=True, kw_only=True):
    """What one service takes, by systemd's accounts; null where no controller counts, and where it is down.

    Bytes are of the files' devices and of the network, since its start.
    """

    name: str
    unit: str
    """What systemd counts: its service, or with docker the slice of its container."""
    load: str
    active: str
    memory: int | None
    """In bytes, now."""
    memory_limit: int | None
    cpu: float | None
    """Seconds of CPU time since its start."""
    cpu_percent: float | None
    """Of one CPU, since the reading before; null in the first one."""
    tasks: int | None
    read: int | None
    written: int | None
    received: int | None
    sent: int | None


class Stats(Answer, frozen=True, kw_only=True):
    """What services take."""

    scope: str
    taken: float
    """When: seconds since the machine was booted."""
    services: tuple[ServiceStats, ...]
