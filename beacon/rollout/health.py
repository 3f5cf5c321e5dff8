"""The health gate: watch a started release until it stands or has failed."""

from __future__ import annotations

from msgspec.structs import replace

from beacon.errors import BeaconError, HostError
from beacon.model.release import Release
from beacon.model.runtime import Container, UnitState
from beacon.model.service import Service
from beacon.model.unit import unit_name
from beacon.rollout.candidates import in_effect
from beacon.rollout.decide import (
    PASSED,
    PENDING,
    PROBE_INTERVAL,
    STOPPED,
    Gate,
    Verdict,
    failed,
    health_limit,
    is_handled,
    is_restarted,
    is_stopped,
    judge_health,
    judge_probe,
    judge_settled,
    judge_unit,
)
from beacon.rollout.world import World

_SETTLE_POLL = 0.25
_LEAST_PAUSE = 0.01
_LAG = 10.0
_PROBE_TIMEOUT = 5.0
_REFUSALS = 3
"""So many looks in a row may fail before that is the end of the watch."""


def watch(world: World, release: Release) -> Verdict:
    """Return whether the started *release* stands; design.md's order: health check, READY=1, settled.

    READY=1 has no case of its own here: the start job of a Type=notify unit ends with it, and the release
    then only has to stay as it is for the settle time. That somebody else stops or restarts it says nothing
    of the release.
    """
    release = replace(release, service=in_effect(release))
    service = release.service
    unit = unit_name(service.name)
    before: UnitState | None = None
    began = elapsed = 0.0
    handled = False
    refused = 0
    while True:
        now = world.unit(unit)
        if is_handled(before, now):
            handled = True
        else:
            if before is None or is_restarted(before, now):
                before, began, handled = now, world.clock.monotonic(), False
            elapsed = world.clock.monotonic() - began
            try:
                verdict, refused = _judge(world, release, before, now, elapsed), 0
            except HostError:  # an engine that is busy, say; that says nothing of a release that is up
                verdict, refused = judge_unit(before, now), refused + 1
                if verdict is PENDING and refused > _REFUSALS:
                    raise
            if verdict.gate is Gate.FAILED and is_stopped(service, now, handled=handled):
                return STOPPED
            if verdict.gate is not Gate.PENDING:
                return verdict
        world.clock.sleep(_pause(service, elapsed))


def _judge(world: World, release: Release, before: UnitState, now: UnitState, elapsed: float) -> Verdict:
    """Return what is to be said of *release* after *elapsed* seconds."""
    service, health = release.service, release.service.health
    if health.command is not None:
        container = world.engine.containers().get(service.name)
        return judge_health(container.health if container else "", now, elapsed, health_limit(service))
    if health.http is not None or health.tcp is not None:
        verdict = judge_probe(look(world, service), now, elapsed, health_limit(service))
        return judge_unit(before, now) if verdict is PENDING else verdict
    verdict = judge_settled(before, now, elapsed, service.update.settle)
    if verdict.gate is Gate.PASSED:
        return _confirm(world, release, elapsed - service.update.settle)
    return verdict


def _confirm(world: World, release: Release, late: float) -> Verdict:
    """Judge a release that seems to have settled by its container.

    On a busy machine the process that watches a container lives on for seconds after it has ended.
    """
    container = world.engine.containers().get(release.service.name)
    if container is not None and container.release == release.number:
        return PASSED
    return PENDING if late < _LAG else failed("its container has ended")


def is_sick(world: World, release: Release) -> bool:
    """Say whether the engine has found *release* unhealthy while systemd still waits for it to be ready.

    The start job itself would wait for the whole of TimeoutStartSec, with the service down.
    """
    service = in_effect(release)
    unit = unit_name(service.name)
    if service.health.command is None or world.unit(unit).active != "activating":
        return False
    container = world.engine.containers().get(service.name)
    return container is not None and (container.release, container.health) == (release.number, "unhealthy")


def _pause(service: Service, elapsed: float) -> float:
    """Return the seconds to the next look; one that only has to settle stands once that is over."""
    health = service.health
    if health.command is not None or health.http is not None or health.tcp is not None:
        return PROBE_INTERVAL
    left = service.update.settle - elapsed
    return min(_SETTLE_POLL, max(left, _LEAST_PAUSE)) if left > 0 else _SETTLE_POLL


def look(world: World, service: Service) -> str | None:
    """Look at the port of *service* that its definition names for health; return what is wrong with it."""
    health = service.health
    port = health.http.port if health.http is not None else health.tcp or 0
    try:
        address = _reach(world, service, port)
    except BeaconError as error:
        return error.message
    if address is None:
        return f"port {port} cannot be reached from outside: it is not published"
    if health.http is not None:
        return world.probe.http(*address, health.http.path, health.timeout or _PROBE_TIMEOUT)
    return world.probe.tcp(*address, health.timeout or _PROBE_TIMEOUT)


def _reach(world: World, service: Service, port: int) -> tuple[str, int] | None:
    """Return where the host reaches *port* of the container, or None."""
    if "host" in service.networks:
        return ("127.0.0.1", port)
    container: Container | None = world.engine.containers().get(service.name)
    if container is None:
        return None
    published = container.ports.get(f"{port}/tcp")
    if published is not None:
        host, host_port = published
        return (_LOOPBACK.get(host, host), host_port)
    address = world.engine.address(service.name)
    return (address, port) if address else None


_LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # an address to compare with
