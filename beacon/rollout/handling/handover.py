"""Handing requests over from one release to the next, behind the proxy, without losing one.

A swap runs the candidate beside the live release, in a helper that is a plain unit of its own, until the
service's unit itself runs the candidate. Where requests go is said by files in /run that the proxy asks for
with each of them: nothing is reloaded, and a boot, which ends the helper too, takes them away.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from beacon.definition.effective import effective
from beacon.definition.endpoints.handover import handover_of
from beacon.definition.endpoints.loopback import reached_at, with_loopback, with_second_ports
from beacon.model.notice import plural
from beacon.model.release import Release
from beacon.model.rollout.record import RolloutFacts
from beacon.model.runtime import UnitState
from beacon.model.service import Handover
from beacon.model.unit import helper_name, is_environment, unit_name
from beacon.rollout.tools import Tools

Address = tuple[str, int]

_POLL = 0.1
_QUIET = 3
"""So many looks in a row must find no connection: a request may be sent on and not connected yet."""
_STOP_LIMIT = 600.0


def helper_of(release: Release) -> Release:
    """Return *release* as the helper runs it: all that systemd and the engine are asked has its name."""
    return replace(release, service=replace(release.service, name=helper_name(release.service.name)))


def first_addresses(release: Release) -> frozenset[Address]:
    """Return where the endpoints of *release* are reached."""
    service = effective(release.service, release.image).service
    return reached_at(with_loopback(service, release.ports))


def second_addresses(release: Release) -> frozenset[Address]:
    """Return where they are reached while it runs beside another."""
    service = effective(release.service, release.image).service
    return reached_at(with_second_ports(service, release.ports))


def second_addresses_of(release: Release, addresses: Iterable[Address]) -> list[Address]:
    """Return where it is reached beside another instead of at the first *addresses*."""
    service, chosen = effective(release.service, release.image).service, set(addresses)
    keys = {
        f"{port.container + offset}/{port.protocol}"
        for port in with_loopback(service, release.ports).ports
        for offset in range(port.count)
        if port.host_port is not None and (port.host_ip, port.host_port + offset) in chosen
    }
    second = with_second_ports(service, release.ports).ports
    return sorted(
        (port.host_ip, port.host_port)
        for port in second
        if port.host_port is not None and f"{port.container}/{port.protocol}" in keys
    )


def plan_handover(
    tools: Tools, candidate: Release, live: Release | None, unit: UnitState, beside: dict[str, str]
) -> tuple[dict[str, str], bool]:
    """Return the files of the helper, none where there is to be no swap, and whether requests are to wait."""
    name = candidate.service.name
    if live is None or unit.active != "active" or not tools.traffic.leads_to(name, ()):
        return {}, False
    how = handover_of(effective(candidate.service, candidate.image).service)
    second = second_addresses(candidate)
    may_swap = (
        how is Handover.SWAP
        and bool(beside and second)
        and tools.helpers is not None
        and live.number != candidate.number
        and not tools.files.is_customised(name)
        and first_addresses(live) == first_addresses(candidate)
        and tools.traffic.leads_to(name, [port for _, port in second])
    )
    return (beside, False) if may_swap else ({}, how is not Handover.NONE)


def go_ahead(tools: Tools, candidate: Release, live: Release) -> None:
    """Send new requests to the helper, which stands, and wait for those that are under way."""
    name = candidate.service.name
    tools.traffic.go_ahead(name, ahead=True)
    tools.reporter.note(
        name, f"release {candidate.number} stands beside release {live.number}, and gets the requests"
    )
    drain(tools, candidate, first_addresses(live))


def come_back(tools: Tools, facts: RolloutFacts, candidate: Release) -> None:
    """Have the service's unit answer alone: the helper is drained, stopped and forgotten.

    Killed at any point of it, it can be done again from its beginning.
    """
    tools.traffic.wait(facts.service, waiting=False)
    if not facts.beside:
        return
    tools.traffic.go_ahead(facts.service, ahead=False)
    unit = unit_name(helper_name(facts.service))
    if tools.unit(unit).is_up:
        drain(tools, candidate, second_addresses(candidate))
    units = (one for one in facts.beside if not is_environment(one))
    for one in sorted(units):  # the service before the slice of its container
        if tools.unit(one).load != "not-found":
            tools.systemd.stop(one, _STOP_LIMIT)
            tools.systemd.reset_failed(one)
    tools.put_helper(dict.fromkeys(facts.beside))


def drain(tools: Tools, release: Release, addresses: Iterable[Address]) -> None:
    """Wait until nobody is connected to *addresses*, as long as the definition allows."""
    addresses = list(addresses)
    service = release.service
    began = tools.clock.monotonic()
    quiet = 0
    while quiet < _QUIET:
        opened = tools.traffic.connections(addresses)
        quiet = 0 if opened else quiet + 1
        sockets = min(tools.traffic.websockets(port for _, port in addresses), opened) if opened else 0
        elapsed = tools.clock.monotonic() - began
        waiting = opened - sockets if elapsed < service.drain else 0
        waiting += sockets if elapsed < service.drain_websockets else 0
        if opened and not waiting:
            what = f"{opened} connections to {service.name}"
            tools.reporter.note(service.name, f"{what} still open after {elapsed:.0f} s are cut")
            return
        if waiting:
            what = f"waiting for {plural(waiting, 'connection')} to end"
            limit = service.drain_websockets if sockets == opened else service.drain
            tools.reporter.waiting(service.name, what, elapsed, limit)
        tools.clock.sleep(_POLL)
