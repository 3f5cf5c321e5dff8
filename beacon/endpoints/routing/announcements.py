"""What is announced of each service: its endpoints that can be reached now, whatever the form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct

from beacon.definition.endpoints.claims import claim_text
from beacon.endpoints.routing.routes import Route, RunningService, State
from beacon.model.endpoints.sources import VARIABLE
from beacon.model.service import Endpoint, Unhealthy

_NO_IDENTIFIER = re.compile(r"[^A-Za-z0-9_]")


class Announcement(Struct, frozen=True):
    """An endpoint of *service* and where it is reached; a redirect is reached nowhere: *port* is 0."""

    service: str
    endpoint: Endpoint
    state: State
    host: str = ""
    port: int = 0

    @property
    def id(self) -> str:
        """The domain with ``_`` for all but letters and digits."""
        return _NO_IDENTIFIER.sub("_", self.endpoint.domain)

    @property
    def address(self) -> str:
        """Host and port as a URL has them; empty for a redirect."""
        if not self.port:
            return ""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_marked(self) -> bool:
        """Whether those who read of it are to learn that it is not up."""
        return self.state is not State.UP and self.endpoint.health is Unhealthy.MARK

    def as_dict(self) -> dict[str, object]:
        """Return it as templates and files have it, in alphabetical order."""
        return {
            "address": self.address,
            "domain": self.endpoint.domain,
            "host": self.host,
            "id": self.id,
            "internal": self.endpoint.internal,
            "path": self.endpoint.path,
            "port": self.port,
            "redirect": self.endpoint.redirect,
            "restricted": self.endpoint.is_restricted,
            "scheme": self.endpoint.scheme.value,
            "service": self.service,
            "state": self.state.value,
            "tls": self.endpoint.tls,
        }


class Announcements(Struct, frozen=True):
    """What is announced of each service, in the order of its definition; and what is left out, and why.

    A service of which there is nothing, but is to be announced all the same, has an empty tuple.
    """

    services: Mapping[str, tuple[Announcement, ...]]
    left_out: tuple[str, ...] = ()

    def all(self) -> tuple[Announcement, ...]:
        """Return what is announced of all services."""
        return tuple(announcement for announced in self.services.values() for announcement in announced)


def gather(running: Mapping[str, RunningService], found: Iterable[Route], address: str) -> Announcements:
    """Return what is to be announced of the services *running*, whose endpoints are *found*.

    *address* stands for every address of the machine: nobody else can be told to go to ``*``.
    """
    by_service: dict[str, list[Route]] = {}
    for route in found:
        by_service.setdefault(route.service, []).append(route)
    services: dict[str, tuple[Announcement, ...]] = {}
    left_out: list[str] = []
    for name, one in sorted(running.items()):
        order = {endpoint: index for index, endpoint in reversed(list(enumerate(one.service.endpoints)))}
        announced = []
        for route in sorted(by_service.get(name, ()), key=lambda route: order[route.endpoint]):
            if why := _why_not(route):
                left_out.append(f"{claim_text(route.endpoint)} of {name} is not published: {why}")
            elif route.place is None:
                announced.append(Announcement(name, route.endpoint, route.state))
            else:
                host = route.place.address or address
                announced.append(Announcement(name, route.endpoint, route.state, host, route.place.port))
        if announced or _says_nothing(one):
            services[name] = tuple(announced)
    return Announcements(services, tuple(left_out))


def left_out(announcement: Announcement, why: str) -> str:
    """Say that a form has no room for *announcement*."""
    return f"{claim_text(announcement.endpoint)} of {announcement.service} is not published: {why}"


def _says_nothing(one: RunningService) -> bool:
    """Say whether a service has the variable and no domain in it, for which there was an empty array."""
    asked = one.service.compat and VARIABLE in one.service.env
    return asked and not one.service.endpoints and one.state is State.UP


def _why_not(route: Route) -> str:
    if route.state is State.DOWN:
        return "the service is down"
    if route.state is not State.UP and route.endpoint.health is Unhealthy.WITHDRAW:
        return f"the service is {route.state}"
    return route.problem
