"""beacon endpoint check: the links between whoever types a domain and the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import replace

from beacon.cli.arguments import Json, complete_service
from beacon.cli.findings import entry, least_shown, lines
from beacon.cli.session import session
from beacon.errors import HostError, NoSuchServiceError, StoreError
from beacon.model.host import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from beacon.cli.host import Host
    from beacon.cli.output import Output
    from beacon.doctor.chain import Links, Managed
    from beacon.doctor.finding import Commands, Report
    from beacon.endpoints.routes import Route, Running

    Found = Sequence[tuple[Route, tuple[Report, ...]]]
    """Endpoints, and what was found of their links."""

_LIMIT = 40.0
"""Seconds after which an endpoint that has not been looked at whole is told of as such."""

Domains = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[DOMAIN]...",
        help="Domains, or services by name; all by default.",
        autocompletion=complete_service,
    ),
]


def register(group: typer.Typer) -> None:
    """Add the verbs of this module."""
    group.command()(check)


def check(
    context: typer.Context,
    domains: Domains = None,
    every: Annotated[bool, typer.Option("--all", help="Show what is in order too.")] = False,
    as_json: Json = False,
) -> None:
    """Walk from the domain to its service: DNS, port, certificate, proxy, service; say which link is broken.

    Exits with 30 where there is a warning, and with 31 where there is an error. Nothing is changed.
    """
    from beacon.cli.endpoints import running
    from beacon.doctor.finding import Commands, exit_status
    from beacon.endpoints.routes import routes

    host = session(context).host()
    here = running(host)
    chosen = choose(host, routes(here), domains or ())
    found = _judged(host, here, chosen, Commands(host.scope))
    if as_json:
        host.output.json(as_dict(host.scope.value, found))
    elif not found:
        host.output.say('no endpoints; domain = "example.org" in a definition makes one')
    else:
        _print(host.output, found, every=every or bool(domains))
    raise typer.Exit(exit_status(report for _, reports in found for report in reports))


def choose(host: Host, found: Sequence[Route], asked: Sequence[str]) -> list[tuple[Route, str]]:
    """Return the endpoints meant by domains or services, or all, each with the name that it is tried by."""
    if not asked:
        return [(route, _tried(route.endpoint.domain)) for route in found]
    chosen: dict[tuple[Route, str], None] = {}
    for word in asked:
        those = list(meant(found, word))
        if not those:
            raise NoSuchServiceError(f"no endpoint is called {word!r}", hint=_hint(host, found, word))
        chosen |= dict.fromkeys(those)
    return list(chosen)


def _tried(domain: str) -> str:
    return f"beacon-check.{domain[2:]}" if domain.startswith("*.") else domain


def meant(found: Iterable[Route], word: str) -> list[tuple[Route, str]]:
    """Return the endpoints of a service, or of a domain, or else those of the wildcard above it."""
    from beacon.definition.domains import domain_name

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


def _hint(host: Host, found: Iterable[Route], word: str) -> str:
    import difflib

    from beacon.definition.decode import decode
    from beacon.definition.endpoints import declared
    from beacon.errors import BeaconError

    for name, text in host.definition_files().items():
        try:
            own, _ = declared(decode(text, name=name, file=str(host.definition_path(name))))
        except BeaconError:
            continue
        if word == name and not own:
            return f'{name} has no endpoints; domain = "example.org" in its definition makes one'
        if word == name or any(one.endpoint.domain == word for one in own):
            return f"{name} has it in its definition, which was not applied: beacon apply {name}"
    near = difflib.get_close_matches(word, [one.endpoint.domain for one in found], n=1)
    return f"did you mean {near[0]!r}?" if near else "beacon endpoint list shows them"


def _judged(
    host: Host, here: Mapping[str, Running], chosen: Sequence[tuple[Route, str]], commands: Commands
) -> Found:
    from beacon.doctor.finding import Report, warning
    from beacon.doctor.judge.chain import DNS, chain
    from beacon.doctor.look.chain import all_links, around, links

    if not chosen:
        return []
    proxies = managed(host, here, [route for route, _ in chosen])
    surroundings = around(_root(host) if proxies[0].there else "")

    def question(route: Route, domain: str, proxy: Managed) -> Callable[[], Links]:
        unit = here[route.service].unit.active
        return lambda: links(route, domain, unit, proxy, surroundings)

    asked = [question(*pair, proxy) for pair, proxy in zip(chosen, proxies, strict=True)]
    late = Report(DNS, (warning(f"no answer within {_LIMIT:g} s", "what is asked hangs or is very slow"),))
    return [
        (route, (late,) if seen is None else chain(seen, commands))
        for (route, _), seen in zip(chosen, all_links(asked, _LIMIT), strict=True)
    ]


def _root(host: Host) -> str:
    try:
        return host.caddy.root_certificate()
    except StoreError:
        return ""


def managed(host: Host, here: Mapping[str, Running], chosen: Sequence[Route]) -> list[Managed]:
    """Return what Beacon's proxy has to do with each of the endpoints *chosen*."""
    from beacon.cli.proxy import unanswered
    from beacon.definition.endpoints import claim_text
    from beacon.doctor.chain import Managed
    from beacon.doctor.look.units import show
    from beacon.endpoints.caddy import OWN, UNIT, is_installed

    if host.scope is not Scope.SYSTEM:
        return [Managed() for _ in chosen]
    base = Managed(installed=is_installed(), there=OWN.exists())
    if not base.there:
        return [base for _ in chosen]
    try:
        active = show([UNIT], Scope.SYSTEM, host.environment)[UNIT].active
    except HostError:
        active = "in a state that systemd does not tell"
    why, loaded = unanswered(host, here), host.caddy.hosts()
    proxies = []
    for route in chosen:
        problem, mend = why.get((route.service, claim_text(route.endpoint)), ("", ""))
        known = None if loaded is None else route.endpoint.domain in loaded
        proxies.append(replace(base, active=active, left_out=problem, mend=mend, loaded=known))
    return proxies


def _print(output: Output, found: Found, *, every: bool) -> None:
    """Print each endpoint with its links, each with its reason and its remedy below it."""
    from beacon.definition.endpoints import claim_text

    least = least_shown(output, every=every)
    rows: list[tuple[str, str, str, str]] = []
    for route, reports in found:
        name = claim_text(route.endpoint)
        for report in reports:
            for finding in report.findings:
                if finding.severity < least:
                    continue
                first, *more = lines(finding)
                rows += [(name, report.check, *first), *(("", "", *line) for line in more)]
                name = ""
    if rows:
        output.table(("DOMAIN", "LINK", "STATE", "FINDING"), rows)
    if not output.quiet:
        output.answer(summary(found))


def summary(found: Found) -> str:
    """Return one line: ``3 endpoints: 2 ok, 1 error``, and of a single one which link is broken."""
    from beacon.definition.endpoints import claim_text
    from beacon.doctor.finding import counted, plural, worst
    from beacon.doctor.judge.chain import broken

    if len(found) == 1:
        ((route, reports),) = found
        link, name = broken(reports), claim_text(route.endpoint)
        return f"{name}: the {link} link is broken" if link else f"{name}: no link is broken"
    return f"{plural(len(found), 'endpoint')}: {counted(worst(reports) for _, reports in found)}"


def as_dict(scope: str, found: Found) -> dict[str, object]:
    """Return the chains as JSON has them, what is in order included."""
    from beacon.doctor.finding import worst
    from beacon.doctor.judge.chain import broken

    return {
        "scope": scope,
        "severity": worst(report for _, reports in found for report in reports).word,
        "endpoints": [
            {
                "domain": route.endpoint.domain,
                "path": route.endpoint.path,
                "scheme": route.endpoint.scheme.value,
                "service": route.service,
                "severity": worst(reports).word,
                "broken": broken(reports),
                "links": [
                    {"link": report.check, **entry(finding)}
                    for report in reports
                    for finding in report.findings
                ],
            }
            for route, reports in found
        ],
    }
