"""From services and what runs of them to routes: each endpoint with the place where it is reached."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from enum import StrEnum

from msgspec import Struct, field
from msgspec.structs import replace

from beacon.definition.endpoints.claims import claim, claim_text
from beacon.definition.endpoints.handover import handover_of
from beacon.definition.endpoints.loopback import ADDRESS, beside_key, protocol_of
from beacon.model.runtime import Container, UnitState
from beacon.model.service import Endpoint, Handover, Scheme, Service

_SHARED = "service:"


class State(StrEnum):
    """How a service fares, for those who would send requests to it."""

    UP = "up"
    STARTING = "starting"
    UNHEALTHY = "unhealthy"
    DOWN = "down"


class Reach(StrEnum):
    """From where an address is reached, the nearest first; firewalls are not asked."""

    LOOPBACK = "loopback"
    LAN = "LAN"
    EVERYWHERE = "everywhere"


_WIDTH = list(Reach)


class Upstream(Struct, frozen=True):
    """A published port of the host; *address* "" is every address of it."""

    address: str
    port: int

    @property
    def reach(self) -> Reach:
        """From where it is reached, as far as the address says."""
        if not self.address:
            return Reach.EVERYWHERE
        address = ipaddress.ip_address(self.address)
        if address.is_loopback:
            return Reach.LOOPBACK
        return Reach.LAN if address.is_private or address.is_link_local else Reach.EVERYWHERE

    def __str__(self) -> str:
        if not self.address:
            return f"*:{self.port}"
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class RunningService(Struct, frozen=True):
    """A service in effect, and what systemd and the engine know of it."""

    service: Service
    unit: UnitState
    container: Container | None = None
    own: bool = True
    """Whether the endpoints are its owner's, and not an image's."""
    since: Mapping[str, str] = field(default_factory=dict)
    """Since when an image has had the service have each domain (RFC 3339, in UTC)."""
    ports: Mapping[str, int] = field(default_factory=dict)
    """The ports of the loopback that the service has."""

    @property
    def state(self) -> State:
        """How it fares."""
        health = self.container.health if self.container else ""
        if self.unit.active == "activating":
            return State.STARTING
        if not self.unit.is_up:
            return State.DOWN
        return {"unhealthy": State.UNHEALTHY, "starting": State.STARTING}.get(health, State.UP)


class Route(Struct, frozen=True):
    """An endpoint of *service*: where it is reached, or what is in the way and what mends it."""

    service: str
    endpoint: Endpoint
    state: State
    place: Upstream | None = None
    problem: str = ""
    mend: str = ""
    ahead: Upstream | None = None
    """Where a release is reached that runs beside this one, about to take its place."""
    waits: bool = False
    """Whether requests wait while a release is replaced."""
    taken: bool = False
    """Whether another service has the domain."""


def routes(running: Mapping[str, RunningService]) -> tuple[Route, ...]:
    """Return every endpoint of the services *running*, by domain and path.

    Of two services that claim the same, one keeps it. What an owner wrote goes before what an image says: an
    image gets no domain that an owner's definition has, whatever the path, and none below a wildcard of one.
    Of two images the one that has had it for longer keeps it.
    """
    held = _Held()
    found = []
    for name, endpoint in _by_right(running):
        route = _route(running[name], endpoint, running)
        holder = held.holder(name, endpoint, own=running[name].own)
        if holder is None:
            held.add(name, endpoint)
        else:
            problem = f"{holder[0]} has {holder[1]} already"
            mend = f"give one of them another domain: beacon edit {name} --apply"
            route = replace(route, place=None, problem=problem, mend=mend, taken=True)
        found.append(route)
    return tuple(sorted(found, key=lambda route: (claim(route.endpoint), route.service)))


def _by_right(running: Mapping[str, RunningService]) -> list[tuple[str, Endpoint]]:
    """Return the endpoints, each with its service, those first that have a better right to their domains."""
    claims = [
        (not one.own, not since, since, name, index, endpoint)
        for name, one in running.items()
        for index, endpoint in enumerate(one.service.endpoints)
        for since in ["" if one.own else one.since.get(endpoint.domain, "")]
    ]
    return [(name, endpoint) for *_, name, _, endpoint in sorted(claims, key=lambda claim: claim[:5])]


class _Held:
    """Which service has what, so far."""

    def __init__(self) -> None:
        self._claims: dict[tuple[str, str], str] = {}
        self._domains: dict[str, set[str]] = {}

    def add(self, name: str, endpoint: Endpoint) -> None:
        """Give the service *name* what *endpoint* claims."""
        self._claims.setdefault(claim(endpoint), name)
        self._domains.setdefault(endpoint.domain, set()).add(name)

    def holder(self, name: str, endpoint: Endpoint, *, own: bool) -> tuple[str, str] | None:
        """Return which other service has what *endpoint* of the service *name* claims, and what that is."""
        exact = self._claims.get(claim(endpoint), name)
        if exact != name:
            return exact, claim_text(endpoint)
        for domain in () if own else (endpoint.domain, *_wildcards(endpoint.domain)):
            others = self._domains.get(domain, set()) - {name}
            if others:
                return min(others), domain
        return None


def _wildcards(domain: str) -> Iterator[str]:
    """Yield the wildcards that a domain is below: ``*.b.org`` and ``*.org`` of ``a.b.org``."""
    base = domain.removeprefix("*.")
    while "." in base:
        base = base.partition(".")[2]
        yield f"*.{base}"


def _route(one: RunningService, endpoint: Endpoint, running: Mapping[str, RunningService]) -> Route:
    name = one.service.name
    bare = Route(name, endpoint, one.state)
    if endpoint.redirect is not None or endpoint.port is None:
        return bare
    networks = one.service.networks
    if "none" in networks:
        problem = "the service has no network"
        return replace(bare, problem=problem, mend=f"take networks away: beacon edit {name} --apply")
    if "host" in networks:
        return replace(_with_handover(bare, one, endpoint), place=Upstream("", endpoint.port))
    publisher = _publisher(one, running)
    places = [] if publisher is None else list(_places(publisher, endpoint, endpoint.port))
    if places:
        bare = _with_handover(bare, one, endpoint)
        return replace(bare, place=max(places, key=lambda place: _WIDTH.index(place.reach)))
    if publisher is None or publisher is one:
        mend = f"beacon apply {name} has it published on the loopback"
    else:
        mend = _publish_it(endpoint, publisher.service.name)
    return replace(bare, problem=_unpublished(endpoint), mend=mend)


def _with_handover(route: Route, one: RunningService, endpoint: Endpoint) -> Route:
    second = one.ports.get(beside_key(f"{endpoint.port}/{protocol_of(endpoint)}"))
    how = handover_of(one.service)
    ahead = Upstream(ADDRESS, second) if second is not None and how is Handover.SWAP else None
    return replace(route, ahead=ahead, waits=how is not Handover.NONE)


def _publisher(one: RunningService, running: Mapping[str, RunningService]) -> RunningService | None:
    """Return the service that publishes the ports: itself, or the one whose network it shares."""
    seen: set[str] = set()
    while shared := next((name for name in one.service.networks if name.startswith(_SHARED)), None):
        target = running.get(shared.removeprefix(_SHARED))
        if target is None or shared in seen:
            return None
        seen.add(shared)
        one = target
    return one


def _places(one: RunningService, endpoint: Endpoint, port: int) -> Iterator[Upstream]:
    """Yield where the definition publishes a port, and where the engine chose to."""
    protocol = protocol_of(endpoint)
    for published in one.service.ports:
        offset = port - published.container
        if (
            published.protocol is protocol
            and 0 <= offset < published.count
            and published.host_port is not None
        ):
            yield Upstream(_address(published.host_ip), published.host_port + offset)
    if one.container is not None and (chosen := one.container.ports.get(f"{port}/{protocol}")):
        yield Upstream(_address(chosen[0]), chosen[1])


def _address(ip: str) -> str:
    return "" if not ip or ipaddress.ip_address(ip).is_unspecified else ip


def _unpublished(endpoint: Endpoint) -> str:
    suffix = "/udp" if endpoint.scheme is Scheme.UDP else ""
    return f"port {endpoint.port}{suffix} is not published"


def _publish_it(endpoint: Endpoint, service: str) -> str:
    """Return what the owner is to write, with a port of the host that is as good as any."""
    port = endpoint.port or 0
    host = f"127.0.0.1:{port if port >= _UNPRIVILEGED else port + 8000}"
    protocol = ', protocol = "udp"' if endpoint.scheme is Scheme.UDP else ""
    return f'beacon edit {service} --apply: port = [{{ host = "{host}", container = {port}{protocol} }}]'


_UNPRIVILEGED = 1024
