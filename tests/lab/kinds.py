"""The kinds of hosts that services run on. Scenarios are told on each, and have the same end."""

from __future__ import annotations

from dataclasses import dataclass

from tests.lab.ground import BOOKWORM, TRIXIE


@dataclass(frozen=True)
class Kind:
    """What tells hosts apart for the owner of services: the engine, who makes units, whose they are."""

    name: str
    engine: str = "podman"
    suite: str = TRIXIE
    quadlet: bool = True
    rootless: bool = False

    def __str__(self) -> str:
        return self.name


QUADLET = Kind("quadlet")
ROOTLESS = Kind("rootless", rootless=True)
OLD_PODMAN = Kind("podman-4.3", suite=BOOKWORM, quadlet=False)
DOCKER = Kind("docker", engine="docker", quadlet=False)
KINDS = (QUADLET, ROOTLESS, OLD_PODMAN, DOCKER)
