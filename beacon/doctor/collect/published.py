"""The ports that services publish: whether they lead to their containers."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from beacon.definition.effective import in_effect
from beacon.definition.endpoints.loopback import with_loopback
from beacon.doctor.collect.survey import Survey
from beacon.doctor.judge.reach import DeadPort
from beacon.engine.listening import End, end_of
from beacon.engine.probe import NetworkProbe
from beacon.errors import BeaconError, DefinitionError
from beacon.model.machine import Engine
from beacon.model.release import Release
from beacon.model.service import Port, Protocol
from beacon.model.unit import unit_name
from beacon.rollout.decisions.requirements import published

HERE = "127.0.0.1"
_LIMIT = 2.0
_EVERYWHERE = {"", "0.0.0.0", "::"}  # noqa: S104  # to compare


def dead_ports(survey: Survey) -> tuple[DeadPort, ...] | None:
    """Look for published ports that lead nowhere, though the container answers; None if nobody can say.

    Only rules of the firewall lead to the containers of Podman's that root runs.
    """
    if survey.is_user or survey.uid != 0 or survey.kind() is not Engine.PODMAN:
        return None
    found = []
    for name, state in survey.states().items():
        live = state.live_release
        if live is None or survey.units()[unit_name(name)].active != "active":
            continue
        for port, number in _ports(live):
            address = HERE if port.host_ip in _EVERYWHERE else port.host_ip
            if leads_nowhere(address, number):
                inside = port.container + number - (port.host_port or number)
                own = own_place(survey.machine.engine.address(name), inside)
                found += [DeadPort(name, f"{address}:{number}", own)] if own else []
    return tuple(found)


def _ports(live: Release) -> Iterator[tuple[Port, int]]:
    try:
        service = with_loopback(in_effect(live), live.ports)
    except DefinitionError:
        return
    yield from (one for one in published(service) if one[0].protocol is Protocol.TCP)


def leads_nowhere(address: str, port: int) -> bool:
    """Say whether a connection to a published port comes to nothing, or ends at who only keeps it taken.

    What the firewall leads to the container has no other end on this machine.
    """
    try:
        with socket.create_connection((address, port), timeout=_LIMIT) as connection:
            return end_of(connection) is not End.ELSEWHERE
    except OSError:
        return True


def own_place(address: str, port: int) -> str:
    """Return where a container answers at its own address; empty if it does not."""
    if not address:
        return ""
    try:
        return "" if NetworkProbe().tcp(address, port, _LIMIT) else f"{address}:{port}"
    except BeaconError:
        return ""
