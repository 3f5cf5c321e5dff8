"""Files that Beacon installs, and what they are called."""

from __future__ import annotations

from dataclasses import dataclass

PREFIX = "beacon-"


@dataclass(frozen=True, slots=True, order=True)
class UnitFile:
    """One file to install: its *name* in the Quadlet or unit directory, and its whole *text*."""

    name: str
    text: str


def container_name(service: str) -> str:
    """Return the container's name, which is also the stem of its unit."""
    return f"{PREFIX}{service}"


def unit_name(service: str) -> str:
    """Return the systemd unit that runs *service*."""
    return f"{PREFIX}{service}.service"


def service_of_unit(unit: str) -> str | None:
    """Return the service that *unit* would run, or None for a unit that is not named as Beacon's are."""
    if not unit.startswith(PREFIX) or not unit.endswith(".service"):
        return None
    return unit[len(PREFIX) : -len(".service")] or None
