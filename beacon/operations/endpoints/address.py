"""Where an endpoint is reached: its URL, and names that are easy to remember."""

from __future__ import annotations

import secrets

from msgspec import Struct
from msgspec.structs import replace

from beacon.definition.endpoints import claim_text
from beacon.definition.handover import is_web
from beacon.definition.names import validate_name
from beacon.doctor.chain import Managed
from beacon.endpoints.caddyfile import url
from beacon.endpoints.routes import Place, Route, routes
from beacon.errors import UsageError
from beacon.model.service import Scheme
from beacon.operations.endpoints.check import choose, managed
from beacon.operations.endpoints.running import running
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine, meant
from beacon.wire.endpoints import Domain, Url


class UrlRequest(Struct, frozen=True):
    """Of which endpoint: a domain, or a service by name."""

    word: str


class DomainRequest(Struct, frozen=True):
    """Of which service; any name that nobody has if *service* is empty."""

    service: str = ""


def find_url(machine: Machine, request: UrlRequest, listener: Listener) -> Url:
    """Return the URL of an endpoint.

    Raises NoSuchServiceError if there is no such endpoint, and UsageError if there is no way to it.
    """
    del listener
    here, warnings = running(machine)
    # A service is most itself at the top of a domain, by a proxy.
    chosen = min(choose(machine, routes(here), [request.word]), key=lambda one: _rank(one[0]))
    (proxy,) = managed(machine, here, [chosen[0]])
    return Url(url=url_of(*chosen, proxy), warnings=warnings)


def memorable_domain(machine: Machine, request: DomainRequest, listener: Listener) -> Domain:
    """Return the domain that ``domain = "auto"`` gives a service, or one that no service has."""
    del listener
    if not request.service:
        return Domain(domain=machine.naming.another(secrets.token_hex(8)))
    service = meant(request.service, machine.known_names())
    problem = validate_name(service)
    if problem is not None:
        raise UsageError(problem)
    return Domain(domain=machine.naming.domain(service))


def _rank(route: Route) -> tuple[bool, bool, int]:
    endpoint = route.endpoint
    return not is_web(endpoint), endpoint.domain.startswith("*."), len(endpoint.path)


def url_of(route: Route, domain: str, proxy: Managed) -> str:
    """Return where an endpoint is reached: by its domain, or without Beacon's proxy at its port."""
    endpoint, place = route.endpoint, route.place
    if is_web(endpoint) and proxy.there and not proxy.left_out:
        return url(replace(endpoint, domain=domain))
    if place is None:
        problem = route.problem or proxy.left_out or "no proxy of Beacon's is set up"
        mend = route.mend or proxy.mend or "sudo beacon endpoint setup"
        raise UsageError(f"{claim_text(endpoint)} has no URL: {problem}", hint=mend)
    if not is_web(endpoint):
        return f"{endpoint.scheme}://{endpoint.domain}:{place.port}"
    scheme = "https" if endpoint.scheme is Scheme.HTTPS else "http"
    return f"{scheme}://{Place(place.address or '127.0.0.1', place.port)}{endpoint.path}"
