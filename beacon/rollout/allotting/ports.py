"""Gives releases the loopback ports that their endpoints need; a service keeps what it has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

from msgspec.structs import replace

from beacon.definition.effective import effective
from beacon.definition.endpoints.claims import may_have_endpoints
from beacon.definition.endpoints.loopback import (
    PortsExhaustedError,
    choose,
    fixed_ports,
    needed,
    transport,
)
from beacon.model.machine import PortRange
from beacon.model.release import Release
from beacon.model.service import Service
from beacon.rollout.ports import PortRecord


@dataclass
class PortAllotter:
    """Ports of the loopback for services, each given to one service only.

    What is given out here is on record only once a rollout of the release begins (:func:`machine.begin`): a
    plan changes nothing, and says what an apply would do.
    """

    record: PortRecord
    span: PortRange
    declared: Callable[[], Iterable[Service]]
    """The definitions of the machine, whose ports are theirs."""
    is_free: Callable[[int, str], bool]
    """Whether nobody on the machine listens at a port, by tcp or udp."""
    owner: str = ""
    """Whose services these are, so that two users' mostly begin to look at different places."""
    _given: dict[tuple[str, str], int] = field(default_factory=dict)

    def allot(self, release: Release) -> Release:
        """Return *release* with the ports that it needs; PortsExhaustedError if there are none left."""
        keys: Iterable[str] = ()
        if may_have_endpoints(release.service, release.image):
            keys = needed(effective(release.service, release.image).service)
        ports = {key: release.ports.get(key) or self._port(release, key) for key in keys}
        return release if ports == release.ports else replace(release, ports=ports)

    def _port(self, release: Release, key: str) -> int:
        name = release.service.name
        earlier = self._recorded.get(name, {}).get(key) or self._given.get((name, key))
        if earlier is not None:
            return earlier
        own = {port for _, port in fixed_ports(release.service)}
        protocol = transport(key)
        port = choose(
            self.span,
            f"{self.owner}/{name}/{key}",
            lambda port: port in self._reserved or port in own or not self.is_free(port, protocol),
        )
        if port is None:
            raise PortsExhaustedError(
                f"{name} needs a port of the loopback, and all of {self.span} are taken",
                hint='set another range in beacon.toml: ports = "10000-29999"',
            )
        self._given[name, key] = port
        self._reserved.add(port)
        return port

    @cached_property
    def _recorded(self) -> dict[str, dict[str, int]]:
        return {name: dict(ports) for name, ports in self.record.ports().items()}

    @cached_property
    def _reserved(self) -> set[int]:
        taken = {port for ports in self._recorded.values() for port in ports.values()}
        return taken | {port for service in self.declared() for _, port in fixed_ports(service)}
