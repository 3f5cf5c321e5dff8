"""Where an endpoint is reached: its URL, and names that are easy to remember."""

from __future__ import annotations

import secrets

from msgspec import Struct

from beacon.definition.endpoints.claims import claim_text
from beacon.definition.names import meant, validate_name
from beacon.endpoints.installed import running_services
from beacon.endpoints.routing.address import rank, url_of
from beacon.endpoints.routing.meaning import choose
from beacon.endpoints.routing.routes import routes
from beacon.errors import UsageError
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
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
    here, warnings = running_services(machine)
    chosen = choose(routes(here), [request.word], lambda: machine.definitions().texts)
    route, domain = min(chosen, key=lambda one: rank(one[0]))
    proxy = machine.proxy
    claim = (route.service, claim_text(route.endpoint))
    why = proxy.unanswered(here).get(claim, ("", "")) if proxy is not None else ("", "")
    return Url(url=url_of(route, domain, proxied=proxy is not None, unanswered=why), warnings=warnings)


def memorable_domain(machine: Machine, request: DomainRequest, listener: Listener) -> Domain:
    """Return the domain that ``domain = "auto"`` gives a service, or one that no service has."""
    del listener
    if not request.service:
        return Domain(domain=machine.allotment.domains.another(secrets.token_hex(8)))
    service = meant(request.service, machine.known_names())
    problem = validate_name(service)
    if problem is not None:
        raise UsageError(problem)
    return Domain(domain=machine.allotment.domains.domain(service))
