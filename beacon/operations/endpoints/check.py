"""The links between whoever types a domain and the service: which of them is broken."""

from __future__ import annotations

from msgspec import Struct

from beacon.definition.endpoints.claims import claim_text
from beacon.doctor.chains import judge_chains
from beacon.doctor.judge.chain import broken
from beacon.doctor.judge.finding import Report, worst
from beacon.endpoints.installed import running_services
from beacon.endpoints.routing.meaning import choose
from beacon.endpoints.routing.routes import Route, routes
from beacon.operations.findings import fields_of
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.wire.endpoints import CheckedEndpoint, EndpointCheck, Link


class CheckRequest(Struct, frozen=True):
    """Which endpoints: by domain, by URL or by service; all if there are no words."""

    words: tuple[str, ...] = ()


def check(machine: Machine, request: CheckRequest, listener: Listener) -> EndpointCheck:
    """Walk from each domain to its service: DNS, port, certificate, proxy, service. Nothing is changed.

    Raises NoSuchServiceError if a word names no endpoint.
    """
    del listener
    here, warnings = running_services(machine)
    chosen = choose(routes(here), request.words, lambda: machine.definitions().texts)
    found = judge_chains(machine, here, chosen)
    return EndpointCheck(
        scope=machine.scope.value,
        severity=worst(report for _, reports in found for report in reports).word,
        endpoints=tuple(checked(route, reports) for route, reports in found),
        warnings=warnings,
    )


def checked(route: Route, reports: tuple[Report, ...]) -> CheckedEndpoint:
    """Return what answers say of an endpoint and of what was found of its links."""
    return CheckedEndpoint(
        name=claim_text(route.endpoint),
        domain=route.endpoint.domain,
        path=route.endpoint.path,
        scheme=route.endpoint.scheme.value,
        service=route.service,
        severity=worst(reports).word,
        broken=broken(reports),
        links=tuple(
            Link(link=report.check, **fields_of(finding)) for report in reports for finding in report.findings
        ),
    )
