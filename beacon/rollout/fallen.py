"""Why the unit of a service is down, as systemd and its journal tell."""

from __future__ import annotations

from collections.abc import Iterable

from beacon.model.release import Release
from beacon.model.runtime import UnitState
from beacon.model.unit import FileSort, UnitFileName, unit_name
from beacon.rollout.decisions.down import Down, was_never_up, went_along, why_down
from beacon.rollout.decisions.failing import Fails, how_it_fails, is_failing
from beacon.rollout.ports import Systemd

_OBJECTS = {FileSort.VOLUME, FileSort.NETWORK}


def down_because(systemd: Systemd, live: Release, unit: UnitState) -> Down:
    """Return why *unit* of the release *live*, which is down, is so.

    One that was up, and requires no other, was stopped by its owner or has ended: its journal is not asked.
    """
    required = systemd.states(required_units(systemd, live)).values()
    asks_journal = unit.active == "failed" or was_never_up(unit) or any(required)
    last = systemd.last_job(unit.name) if asks_journal else None
    return why_down(live.service, unit, last, along=any(went_along(unit, other) for other in required))


def failing(systemd: Systemd, listed: Iterable[UnitState]) -> dict[str, Fails]:
    """Return how those of the *listed* units fail that do; a listing says nothing of that itself."""
    names = [unit.name for unit in listed if is_failing(unit)]
    if not names:
        return {}
    units = systemd.states(names)
    since = systemd.failing_since(names)
    return {
        name: Fails(how_it_fails(unit), since.get(name, unit.since), unit.restarts)
        for name, unit in units.items()
        if is_failing(unit)
    }


def required_units(systemd: Systemd, live: Release) -> tuple[str, ...]:
    """Return the units that the service of *live* requires, but for its volumes and networks.

    Those are started with it whatever became of them.
    """
    found = systemd.requirements(unit_name(live.service.name))
    return tuple(name for name in found if not _is_object(name))


def _is_object(unit: str) -> bool:
    parsed = UnitFileName.parse(unit)
    return parsed is not None and parsed.sort in _OBJECTS
