"""beacon endpoint check: the links between whoever types a domain and the service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from beacon.cli.arguments import Json, option, services
from beacon.cli.findings import counted, exit_status, is_shown, lines
from beacon.cli.output import Output
from beacon.cli.session import session
from beacon.model.notice import plural
from beacon.operations.endpoints.check import CheckRequest
from beacon.operations.endpoints.check import check as ask
from beacon.wire.endpoints import CheckedEndpoint, EndpointCheck

Domains = Annotated[
    list[str] | None, services("[DOMAIN]...", "Domains, or services by name; all by default.")
]


def check(
    context: typer.Context,
    domains: Domains = None,
    every: Annotated[bool, option("Show what is in order too.", "--all")] = False,
    as_json: Json = False,
) -> None:
    """Walk from the domain to its service: DNS, port, certificate, proxy, service; say which link is broken.

    Exits with 30 where there is a warning, and with 31 where there is an error. Nothing is changed.
    """
    here = session(context)
    answer = ask(here.machine(), CheckRequest(tuple(domains or ())), here.listener)
    if as_json:
        here.output.data(answer)
    else:
        here.output.notices(answer.warnings)
        _print(here.output, answer, every=every or bool(domains))
    raise typer.Exit(exit_status(answer.severity))


def _print(output: Output, answer: EndpointCheck, *, every: bool) -> None:
    """Print each endpoint with its links, each with its reason and its remedy below it."""
    if not answer.endpoints:
        output.say('no endpoints; domain = "example.org" in a definition makes one')
        return
    rows = [row for one in answer.endpoints for row in _rows(output, one, every=every)]
    if rows:
        output.table(("DOMAIN", "LINK", "STATE", "FINDING"), rows)
    if not output.quiet:
        output.answer(summary(answer))


def _rows(output: Output, one: CheckedEndpoint, *, every: bool) -> Iterator[tuple[str, str, str, str]]:
    name = one.name
    for link in one.links:
        if is_shown(output, link.severity, every=every):
            first, *more = lines(link)
            yield (name, link.link, *first)
            yield from (("", "", *line) for line in more)
            name = ""


def summary(answer: EndpointCheck) -> str:
    """Return one line: ``3 endpoints: 2 ok, 1 error``, and of a single one which link is broken."""
    if len(answer.endpoints) == 1:
        (one,) = answer.endpoints
        return f"{one.name}: {f'the {one.broken} link' if one.broken else 'no link'} is broken"
    severities = (one.severity for one in answer.endpoints)
    return f"{plural(len(answer.endpoints), 'endpoint')}: {counted(severities)}"
