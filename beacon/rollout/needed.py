"""Waiting until a service is healthy, as those that need it do before they start."""

from __future__ import annotations

from msgspec import Struct

from beacon.definition.effective import in_effect
from beacon.errors import BeaconError, MachineError, NotActiveError
from beacon.model.release import Release, ServiceState
from beacon.model.service import Service
from beacon.model.unit import unit_name
from beacon.rollout.decisions.decide import health_limit
from beacon.rollout.handling.health import probe_port
from beacon.rollout.tools import Tools

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 1.0


class Needed(Struct, frozen=True):
    """The services of a machine, as those that need them see them."""

    tools: Tools

    def wait(self, name: str) -> None:
        """Wait until the service *name* is healthy, or up where nothing checks that.

        One that systemd starts again is waited for; one that stays down is not: NotActiveError. Its checks
        have the time for it all that they may take once; after that a BeaconError says so.
        """
        tools = self.tools
        release = _release(tools.store.load(name))
        if release is None:
            raise NotActiveError(f"{name} was not applied yet", hint=f"beacon apply {name}")
        service = in_effect(release)
        limit = health_limit(service)
        deadline, pause = tools.clock.monotonic() + limit, _FIRST_PAUSE
        while True:
            unit = tools.unit(unit_name(name))
            if unit.is_down:
                raise NotActiveError(f"{name} is not active", hint=f"beacon start {name}")
            if unit.active == "active" and _is_healthy(tools, service):
                return
            if tools.clock.monotonic() >= deadline:
                raise BeaconError(f"{name} is not healthy after {limit:.0f} s", hint=f"beacon status {name}")
            tools.clock.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)


def _release(state: ServiceState) -> Release | None:
    """Return the release that runs, or is about to."""
    return state.release(state.rollout.release) if state.rollout is not None else state.live_release


def _is_healthy(tools: Tools, service: Service) -> bool:
    health = service.health
    try:
        if health.http is not None or health.tcp is not None:
            return probe_port(tools, service) is None
        if health.command is None:
            return True
        container = tools.engine.containers().get(service.name)
    except MachineError:  # busy, at boot: looked at again
        return False
    return container is not None and container.health in {"", "healthy"}
