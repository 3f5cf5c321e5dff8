"""Ports that nobody has to choose: endpoints that the definition does not publish get one of the loopback."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping

from msgspec.structs import replace

from beacon.definition.endpoints.handover import handover_of, is_web
from beacon.errors import MachineError
from beacon.model.endpoints.network import has_own_ports
from beacon.model.machine import PortRange
from beacon.model.service import Endpoint, Handover, Port, Protocol, Scheme, Service

ADDRESS = "127.0.0.1"


def protocol_of(endpoint: Endpoint) -> Protocol:
    """Return the transport of an endpoint."""
    return Protocol.UDP if endpoint.scheme is Scheme.UDP else Protocol.TCP


def needed(service: Service) -> tuple[str, ...]:
    """Return the ports of the container (``8080/tcp``) that need one of the loopback.

    Those of a service whose releases are swapped need a second one (``8080/tcp+``). *service* is in effect.
    One that the engine chooses anew with every start is as good as none; on the host's network, on that of
    another service and without any, nothing can be published.
    """
    if not all(map(has_own_ports, service.networks)):
        return ()
    keys = {
        f"{endpoint.port}/{protocol_of(endpoint)}"
        for endpoint in service.endpoints
        if endpoint.port is not None and endpoint.redirect is None
    }
    beside = set()
    if handover_of(service) is Handover.SWAP:
        beside = {beside_key(f"{one.port}/tcp") for one in service.endpoints if one.port and is_web(one)}
    return tuple(sorted((keys - set(_fixed(service))) | beside))


_BESIDE = "+"


def beside_key(key: str) -> str:
    """Return the key of the second port, at which a release is reached that runs beside the live one."""
    return key + _BESIDE


def transport(key: str) -> Protocol:
    """Return the transport of the port of the container that *key* names."""
    return Protocol(key.removesuffix(_BESIDE).partition("/")[2])


def with_second_ports(service: Service, ports: Mapping[str, int]) -> Service:
    """Return *service*, in effect, as it runs beside its live release: published at second ports alone."""
    second = tuple(
        _published(key.removesuffix(_BESIDE), ports[key]) for key in sorted(ports) if key.endswith(_BESIDE)
    )
    return replace(service, ports=second)


def _fixed(service: Service) -> Iterator[str]:
    for port in service.ports:
        if port.host_port is not None:
            yield from (f"{port.container + offset}/{port.protocol}" for offset in range(port.count))


def with_loopback(service: Service, ports: Mapping[str, int]) -> Service:
    """Return *service*, in effect, with those of its needed ports published that *ports* has."""
    added = tuple(
        _published(key, ports[key]) for key in needed(service) if key in ports and not key.endswith(_BESIDE)
    )
    return replace(service, ports=(*service.ports, *added)) if added else service


def _published(key: str, host_port: int) -> Port:
    container, _, protocol = key.partition("/")
    return Port(int(container), host_port, ADDRESS, Protocol(protocol))


def is_behind_proxy(declared: Service, service: Service) -> bool:
    """Say whether a proxy of this machine alone reaches a service, at ports that Beacon chose.

    *declared* is the definition, *service* the same in effect and with its ports.
    """
    protocols = {port.protocol for port in service.ports}
    return not declared.ports and any(map(is_web, service.endpoints)) and protocols == {Protocol.TCP}


def reached_at(service: Service) -> frozenset[tuple[str, int]]:
    """Return where of the host a proxy reaches the endpoints of *service*, which is in effect."""
    keys = {f"{one.port}/tcp" for one in service.endpoints if one.redirect is None and is_web(one)}
    return frozenset(
        (port.host_ip, port.host_port + offset)
        for port in service.ports
        if port.host_port is not None
        for offset in range(port.count)
        if f"{port.container + offset}/{port.protocol}" in keys
    )


def fixed_ports(service: Service) -> Iterator[tuple[str, int]]:
    """Yield the ports of the host that a definition publishes, whatever the address, each with its key."""
    for index, port in enumerate(service.ports):
        if port.host_port is not None:
            yield from ((f"port[{index}].host", port.host_port + offset) for offset in range(port.count))


def choose(span: PortRange, seed: str, is_taken: Callable[[int], bool]) -> int | None:
    """Return a port of *span* that is not taken, or None; the same *seed* looks from the same place on.

    So a service that is removed and added again, and one of another user, mostly get a port of their own.
    """
    offset = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")
    ports = (span.first + (offset + step) % len(span) for step in range(len(span)))
    return next((port for port in ports if not is_taken(port)), None)


class PortsExhaustedError(MachineError):
    """All ports of the range are taken."""
