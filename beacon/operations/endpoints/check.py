"""The links between whoever types a domain and the service: which of them is broken."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from beacon.definition.decode import decode
from beacon.definition.domains import domain_name
from beacon.definition.endpoints import claim_text, declared
from beacon.doctor.chain import Links, Managed
from beacon.doctor.finding import Commands, Report, warning, worst
from beacon.doctor.judge.chain import DNS, broken, chain
from beacon.doctor.look.chain import all_links, around, links
from beacon.doctor.look.units import show
from beacon.endpoints.caddy import UNIT, is_installed
from beacon.endpoints.routes import Route, Running, routes
from beacon.errors import BeaconError, HostError, NoSuchServiceError, StoreError
from beacon.model.host import Scope
from beacon.operations.endpoints.running import running
from beacon.operations.findings import fields_of
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.wire.endpoints import CheckedEndpoint, EndpointCheck, Link

_LIMIT = 40.0
"""Seconds after which an endpoint that has not been looked at whole is reported as such."""
_LATE = Report(DNS, (warning(f"no answer within {_LIMIT:g} s", "what is asked hangs or is very slow"),))

Chosen = Sequence[tuple[Route, str]]
"""Endpoints, each with the name that it is tried by."""


class CheckRequest(Struct, frozen=True):
    """Which endpoints: by domain, by URL or by service; all if there are no words."""

    words: tuple[str, ...] = ()


def check(machine: Machine, request: CheckRequest, listener: Listener) -> EndpointCheck:
    """Walk from each domain to its service: DNS, port, certificate, proxy, service. Nothing is changed.

    Raises NoSuchServiceError if a word names no endpoint.
    """
    del listener
    here, warnings = running(machine)
    chosen = choose(machine, routes(here), request.words)
    found = _judged(machine, here, chosen)
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


def choose(machine: Machine, found: Sequence[Route], asked: Sequence[str]) -> Chosen:
    """Return the endpoints meant by domains or services, or all."""
    if not asked:
        return [(route, _tried(route.endpoint.domain)) for route in found]
    chosen: dict[tuple[Route, str], None] = {}
    for word in asked:
        those = meant(found, word)
        if not those:
            raise NoSuchServiceError(f"no endpoint is called {word!r}", hint=_hint(machine, found, word))
        chosen |= dict.fromkeys(those)
    return list(chosen)


def _tried(domain: str) -> str:
    return f"beacon-check.{domain[2:]}" if domain.startswith("*.") else domain


def meant(found: Iterable[Route], word: str) -> list[tuple[Route, str]]:
    """Return the endpoints of a service, or of a domain, or else those of the wildcard above it."""
    try:
        domain = domain_name(word.partition("://")[2].partition("/")[0] or word)
    except ValueError:
        return []
    every = list(found)
    own = [
        (one, _tried(one.endpoint.domain)) for one in every if domain in (one.endpoint.domain, one.service)
    ]
    above = f"*.{domain.partition('.')[2]}"
    return own or [(one, domain) for one in every if one.endpoint.domain == above]


def _hint(machine: Machine, found: Iterable[Route], word: str) -> str:
    for name, text in machine.definitions().texts.items():
        try:
            own, _ = declared(decode(text, name=name, file=str(machine.definition_path(name))))
        except BeaconError:
            continue
        if word == name and not own:
            return f'{name} has no endpoints; domain = "example.org" in its definition makes one'
        if word == name or any(one.endpoint.domain == word for one in own):
            return f"{name} has it in its definition, which was not applied: beacon apply {name}"
    near = difflib.get_close_matches(word, [one.endpoint.domain for one in found], n=1)
    return f"did you mean {near[0]!r}?" if near else "beacon endpoint list shows them"


def _judged(
    machine: Machine, here: Mapping[str, Running], chosen: Chosen
) -> list[tuple[Route, tuple[Report, ...]]]:
    if not chosen:
        return []
    commands = Commands(machine.scope)
    proxies = managed(machine, here, [route for route, _ in chosen])
    surroundings = around(_root(machine) if proxies[0].there else "")

    def question(route: Route, domain: str, proxy: Managed) -> Callable[[], Links]:
        unit = here[route.service].unit.active
        return lambda: links(route, domain, unit, proxy, surroundings)

    asked = [question(*pair, proxy) for pair, proxy in zip(chosen, proxies, strict=True)]
    return [
        (route, (_LATE,) if seen is None else chain(seen, commands))
        for (route, _), seen in zip(chosen, all_links(asked, _LIMIT), strict=True)
    ]


def _root(machine: Machine) -> str:
    try:
        return machine.caddy.root_certificate()
    except StoreError:
        return ""


def managed(machine: Machine, here: Mapping[str, Running], chosen: Sequence[Route]) -> list[Managed]:
    """Return what Beacon's proxy has to do with each of the endpoints *chosen*."""
    if machine.scope is not Scope.SYSTEM:
        return [Managed() for _ in chosen]
    base = Managed(installed=is_installed(), there=machine.proxy is not None)
    if machine.proxy is None:
        return [base for _ in chosen]
    try:
        active = show([UNIT], Scope.SYSTEM, machine.environment)[UNIT].active
    except HostError:
        active = "in a state that systemd does not tell"
    why, loaded = machine.proxy.unanswered(here), machine.caddy.hosts()
    proxies = []
    for route in chosen:
        problem, mend = why.get((route.service, claim_text(route.endpoint)), ("", ""))
        known = None if loaded is None else route.endpoint.domain in loaded
        proxies.append(replace(base, active=active, left_out=problem, mend=mend, loaded=known))
    return proxies
