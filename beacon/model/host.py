"""Facts about a machine that decide how units are rendered."""

from __future__ import annotations

import re
from enum import StrEnum

from msgspec import Struct

from beacon.model.image import Platform


class Engine(StrEnum):
    """What runs containers."""

    PODMAN = "podman"
    DOCKER = "docker"


class Scope(StrEnum):
    """Whose systemd manager runs the units: the system's, or an ordinary user's (rootless)."""

    SYSTEM = "system"
    USER = "user"


class EngineVersion(Struct, frozen=True, order=True):
    """A version that compares as numbers do; suffixes such as ``-dev`` or ``+ds1`` do not count."""

    major: int
    minor: int
    patch: int = 0

    @classmethod
    def parse(cls, text: str) -> EngineVersion:
        """Read ``5.4.2`` or ``5.4``; raises ValueError saying what it must be."""
        match = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", text.strip())
        if match is None:
            raise ValueError(f"must be a version such as 5.4.2, not {text!r}")
        return cls(int(match[1]), int(match[2]), int(match[3] or 0))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


QUADLET = EngineVersion(4, 4)
"""The first Podman with a generator of units."""


class HostFacts(Struct, frozen=True):
    """What rendering needs to know of the machine; nothing else of it may change a unit's text."""

    engine: Engine
    engine_version: EngineVersion
    systemd_version: int
    platform: Platform
    scope: Scope = Scope.SYSTEM

    @property
    def has_quadlet(self) -> bool:
        """Whether Quadlet makes the units; where it does not, Beacon writes them itself."""
        return self.engine is Engine.PODMAN and self.engine_version >= QUADLET


class PortRange(Struct, frozen=True):
    """The ports that may be given out, *first* to *last*."""

    first: int = 20000
    last: int = 29999
    """Below the ports that Linux takes for connections of its own (ip_local_port_range)."""

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __contains__(self, port: int) -> bool:
        return self.first <= port <= self.last

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"
