"""Waiting until a service is healthy, as those that need it do before they start."""

from __future__ import annotations

from beacon.errors import BeaconError, HostError, NotActiveError
from beacon.model.release import Release, ServiceState
from beacon.model.service import Service
from beacon.model.unit import unit_name
from beacon.rollout.candidates import in_effect
from beacon.rollout.decide import health_limit
from beacon.rollout.health import look
from beacon.rollout.world import World

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 1.0


def wait_healthy(world: World, name: str) -> None:
    """Wait until the service *name* is healthy, or up where nothing checks that.

    One that systemd starts again is waited for; one that stays down is not: NotActiveError. Its checks have
    the time for it all that they may take once; after that a BeaconError says so.
    """
    release = _release(world.store.load(name))
    if release is None:
        raise NotActiveError(f"{name} was not applied yet", hint=f"beacon apply {name}")
    service = in_effect(release)
    limit = health_limit(service)
    deadline, pause = world.clock.monotonic() + limit, _FIRST_PAUSE
    while True:
        unit = world.unit(unit_name(name))
        if unit.is_down:
            raise NotActiveError(f"{name} is not active", hint=f"beacon start {name}")
        if unit.active == "active" and _is_healthy(world, service):
            return
        if world.clock.monotonic() >= deadline:
            raise BeaconError(f"{name} is not healthy after {limit:.0f} s", hint=f"beacon status {name}")
        world.clock.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def _release(state: ServiceState) -> Release | None:
    """Return the release that runs, or is about to."""
    return state.release(state.rollout.release) if state.rollout is not None else state.live_release


def _is_healthy(world: World, service: Service) -> bool:
    health = service.health
    if health.http is not None or health.tcp is not None:
        return look(world, service) is None
    if health.command is None:
        return True
    try:
        container = world.engine.containers().get(service.name)
    except HostError:  # busy, at boot: looked at again
        return False
    return container is not None and container.health in {"", "healthy"}
