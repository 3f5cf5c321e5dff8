"""Facts about a machine that decide how units are rendered."""

from __future__ import annotations

import re
from enum import StrEnum

from msgspec import Struct

from beacon.model.image import Platform

LITTLE_ROOM = 1024**3
"""Bytes; with less a large image does not fit any more."""


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


class MachineFacts(Struct, frozen=True):
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


_ARCHITECTURES = {
    "x86_64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "armv5tel": ("arm", "v5"),
    "i686": ("386", ""),
    "i386": ("386", ""),
    "ppc64le": ("ppc64le", ""),
    "s390x": ("s390x", ""),
    "riscv64": ("riscv64", ""),
    "loongarch64": ("loong64", ""),
}
"""Names of the kernel to GOARCH and variant, as image indexes use them."""


def platform_of(machine: str) -> Platform:
    """Return the platform of a machine that the kernel calls so (uname(1) --machine)."""
    architecture, variant = _ARCHITECTURES.get(machine, (machine, ""))
    return Platform("linux", architecture, variant)


_ASSUMED_SYSTEMD = 257
_ASSUMED = {Engine.PODMAN: EngineVersion(5, 4, 2), Engine.DOCKER: EngineVersion(26, 1, 5)}
"""Debian 13's, to render for a machine that is not this one."""


def assumed_facts(
    engine: Engine, version: EngineVersion | None, platform: Platform, scope: Scope
) -> MachineFacts:
    """Return the facts of a machine that is not this one: as Debian 13 has it, but for what is said."""
    return MachineFacts(engine, version or _ASSUMED[engine], _ASSUMED_SYSTEMD, platform, scope)


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
