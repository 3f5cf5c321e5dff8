"""What runs now, and where its endpoints would be reached."""

from __future__ import annotations

from msgspec.structs import replace

from beacon.endpoints.installed import installed
from beacon.endpoints.routes import Running
from beacon.model.notice import Notice
from beacon.model.unit import unit_name
from beacon.operations.machine import Machine


def running(machine: Machine) -> tuple[dict[str, Running], tuple[Notice, ...]]:
    """Return each service that has been applied, with what systemd and the engine say of it now."""
    found, warnings = installed(machine.store)
    units = machine.systemd.states([unit_name(name) for name in found])
    containers = machine.engine.containers() if units else {}
    seen = {
        name: replace(one, unit=units[unit_name(name)], container=containers.get(name))
        for name, one in found.items()
    }
    return seen, warnings
