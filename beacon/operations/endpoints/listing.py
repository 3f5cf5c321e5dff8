"""Every endpoint of a machine, and where it is reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from beacon.definition.endpoints.claims import claim_text
from beacon.definition.endpoints.handover import is_web
from beacon.endpoints.installed import running_services
from beacon.endpoints.routing.routes import Route, routes
from beacon.model.notice import Notice
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.reconcile.reached import url
from beacon.wire.endpoints import EndpointInfo, Endpoints

Problems = Mapping[tuple[str, str], str]
"""Why the managed proxy does not answer, by service and claim."""


class EndpointsRequest(Struct, frozen=True):
    """Whose endpoints; all if there are no names."""

    services: tuple[str, ...] = ()


def list_endpoints(machine: Machine, request: EndpointsRequest, listener: Listener) -> Endpoints:
    """Return the endpoints of services that have been applied. Raises NoSuchServiceError."""
    del listener  # it takes a moment
    chosen = machine.select(request.services)
    here, warnings = running_services(machine)
    found = [route for route in routes(here) if route.service in chosen]
    problems: Problems | None = None
    if machine.proxy is not None:
        problems = {claim: why for claim, (why, _) in machine.proxy.unanswered(here).items()}
        warnings += tuple(_silences(found, problems))
    return Endpoints(
        endpoints=tuple(endpoint_info(route, problems) for route in found),
        proxied=problems is not None,
        warnings=warnings,
    )


def _silences(found: list[Route], problems: Problems) -> Iterator[Notice]:
    for route in found:
        claim = claim_text(route.endpoint)
        why = problems.get((route.service, claim))
        if why and why != route.problem:
            yield Notice(f"Caddy does not answer {claim} of {route.service}: {why}")


def endpoint_info(route: Route, problems: Problems | None = None) -> EndpointInfo:
    """Return what answers say of an endpoint; *problems* are None without a managed proxy."""
    endpoint, place = route.endpoint, route.place
    why = (problems or {}).get((route.service, claim_text(endpoint)), "")
    proxied = problems is not None and is_web(endpoint) and not why
    return EndpointInfo(
        url=url(endpoint) if proxied else None,
        name=claim_text(endpoint),
        domain=endpoint.domain,
        path=endpoint.path,
        scheme=endpoint.scheme.value,
        service=route.service,
        state=route.state.value,
        container_port=endpoint.port,
        address=(place.address or "*") if place else None,
        port=place.port if place else None,
        reached_at=str(place) if place else None,
        reach=place.reach.value if place else None,
        redirect=endpoint.redirect,
        tls=endpoint.tls,
        internal=endpoint.internal,
        health=endpoint.health.value,
        problem=route.problem or why or None,
        unanswered=why if why and why != route.problem else None,
        mend=route.mend or None,
        fix=route.mend or None,
    )
