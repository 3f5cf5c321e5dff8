"""What two services cannot both have: a port of the host, a domain, a volume; and which has to give way."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TypeVar

from msgspec import Struct, field

from beacon.definition.endpoints import claims
from beacon.errors import Fault
from beacon.model.endpoints.sources import AUTO
from beacon.model.service import Port, Service

T = TypeVar("T")


class Precedence(Struct, frozen=True):
    """What decides which of two services has to give way: what runs wins over what is still to come."""

    live: Mapping[str, Service] = field(default_factory=dict)
    """The services that run, by name, as they were applied."""
    asked: frozenset[str] = frozenset()
    """The services that are being added or changed."""
    remembered: frozenset[str] | None = None
    """The services that were applied before, whose names stay good; None: nobody may know."""


class _Side(Struct, frozen=True, dict=True):
    """A service that has claims: by its definition in *file*, or as it runs, whatever that says now."""

    file: str
    service: Service
    live: Service | None = None
    asked: bool = False
    runs: bool = False

    @property
    def place(self) -> str:
        """Where the claims are."""
        return f"{self.service.name} as it runs" if self.runs else self.file

    @cached_property
    def live_ports(self) -> tuple[PortClaim, ...]:
        """The ports that the service has as it runs."""
        return () if self.live is None else tuple(port_claims(self.live))

    @cached_property
    def live_things(self) -> frozenset[Hashable]:
        """What else it has as it runs."""
        return frozenset() if self.live is None else frozenset(one.what for one in _things(self.live))


class PortClaim(Struct, frozen=True):
    """A span of ports of the host that a service publishes on, and the key that says so."""

    protocol: str
    start: int
    end: int
    ip: str
    key: str

    @property
    def text(self) -> str:
        """What people read: ``127.0.0.1:80-81/tcp``."""
        ports = f"{self.start}" if self.end == self.start else f"{self.start}-{self.end}"
        ip = f"[{self.ip}]" if ":" in self.ip else self.ip
        return f"{ip}:{ports}/{self.protocol}" if ip else f"{ports}/{self.protocol}"

    def meets(self, other: PortClaim) -> bool:
        """Whether one socket would be refused because of the other."""
        if self.protocol != other.protocol or self.end < other.start or other.end < self.start:
            return False
        return _addresses_meet(self.ip, other.ip)


def port_claims(service: Service) -> Iterator[PortClaim]:
    """Yield the ports of the host that a definition publishes on."""
    for index, port in enumerate(service.ports):
        if port.host_port is not None:
            yield _port_claim(index, port, port.host_port)


def _port_claim(index: int, port: Port, first: int) -> PortClaim:
    last = first + port.count - 1
    return PortClaim(str(port.protocol), first, last, port.host_ip, f"port[{index}].host")


def _addresses_meet(one: str, other: str) -> bool:
    if "" in {one, other} or one == other:
        return True
    if (":" in one) != (":" in other):
        return False
    return bool({"0.0.0.0", "::"} & {one, other})  # noqa: S104 -- compared, not bound


def meetings(
    claims: Iterable[tuple[T, PortClaim]],
) -> Iterator[tuple[tuple[T, PortClaim], tuple[T, PortClaim]]]:
    """Yield every two claims that meet, each with whose it is, by one sweep over the ports."""
    open_claims: list[tuple[T, PortClaim]] = []
    for owner, claim in sorted(claims, key=lambda pair: pair[1].start):
        open_claims = [earlier for earlier in open_claims if earlier[1].end >= claim.start]
        yield from ((earlier, (owner, claim)) for earlier in open_claims if earlier[1].meets(claim))
        open_claims.append((owner, claim))


class _Thing(Struct, frozen=True):
    """Something that only one service can have: *what* it is, the *key* that says so, and how it is told."""

    what: Hashable
    key: str
    problem: tuple[str, str]
    """What is said before and after the place that has it."""


def _things(service: Service) -> Iterator[_Thing]:
    for index, volume in enumerate(service.volumes):
        if volume.name is not None:
            # web's a-b and web-a's b: units and volumes have one name for both.
            problem = (f"must not be {volume.name!r}: its unit would be that of ", "")
            yield _Thing(("volume", f"{service.name}-{volume.name}"), f"volume[{index}].name", problem)
    found, _ = claims.declared(service)
    for one in found:
        if one.endpoint.domain != AUTO:  # each gets a name of its own
            problem = (f"must not be {claims.claim_text(one.endpoint)}, which ", " has already")
            yield _Thing(("endpoint", *claims.claim(one.endpoint)), one.key, problem)


def conflicts(services: Mapping[str, Service], precedence: Precedence) -> Iterator[Fault]:
    """Yield what two services cannot both have, at the one that has to give way; the fault names both.

    That is the one that does not run with it, else the one that is asked for, else the later by its file.
    *services* are given by the file that defines each.
    """
    sides = list(_sides(services, precedence))
    yield from _port_faults(sides)
    yield from _thing_faults(sides)


def _sides(services: Mapping[str, Service], precedence: Precedence) -> Iterator[_Side]:
    """Yield the definitions, and what runs otherwise than they say and is not about to be changed."""
    for file, service in services.items():
        live = precedence.live.get(service.name)
        yield _Side(file, service, live, asked=service.name in precedence.asked)
    defined = {service.name: service for service in services.values()}
    for name, live in precedence.live.items():
        if name not in precedence.asked and defined.get(name) != live:
            yield _Side(name, live, live, runs=True)


def _port_faults(sides: list[_Side]) -> Iterator[Fault]:
    for one, other in meetings((side, claim) for side in sides for claim in port_claims(side.service)):
        if one[0].service.name == other[0].service.name:
            continue
        ranked = sorted([(*one, other[1]), (*other, one[1])], key=lambda claim: _port_rank(*claim))
        (winner, theirs, _), (loser, mine, _) = ranked
        if _is_at_fault(winner, loser):
            place = f"{winner.place} ({theirs.key}: {theirs.text})"
            yield Fault(loser.file, mine.key, f"must not be {mine.text}, which {place} has already")


def _port_rank(side: _Side, claim: PortClaim, other: PortClaim) -> tuple[bool, bool, str, str]:
    holds = any(one.meets(other) for one in side.live_ports)
    return (not holds, side.asked, side.file, claim.key)


def _thing_faults(sides: list[_Side]) -> Iterator[Fault]:
    claims: dict[Hashable, list[tuple[_Side, _Thing]]] = {}
    for side in sides:
        seen: set[Hashable] = set()
        for thing in _things(side.service):
            if thing.what not in seen:
                seen.add(thing.what)
                claims.setdefault(thing.what, []).append((side, thing))
    for what, found in claims.items():
        if len(found) == 1:
            continue
        ranked = sorted(found, key=lambda pair: _thing_rank(pair[0], what))
        winner, theirs = ranked[0]
        for loser, mine in ranked[1:]:
            if loser.service.name != winner.service.name and _is_at_fault(winner, loser):
                before, after = mine.problem
                yield Fault(loser.file, mine.key, f"{before}{winner.place} ({theirs.key}){after}")


def _thing_rank(side: _Side, what: Hashable) -> tuple[bool, bool, str]:
    return (what not in side.live_things, side.asked, side.file)


def _is_at_fault(winner: _Side, loser: _Side) -> bool:
    """Say whether a definition is at fault: what runs otherwise is in the way of what is asked for alone."""
    return not loser.runs and (loser.asked or not winner.runs)
