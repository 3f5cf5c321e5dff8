"""beacon endpoint list: every endpoint, and where it is reached."""

from __future__ import annotations

from collections.abc import Iterator

import typer

from beacon.cli.arguments import Json, Names
from beacon.cli.output import Output
from beacon.cli.session import session, whose_of
from beacon.model.machine import Scope
from beacon.operations.endpoints.listing import EndpointsRequest, list_endpoints
from beacon.wire.endpoints import EndpointInfo, Endpoints

_HEADINGS = ("DOMAIN", "PATH", "SCHEME", "SERVICE", "STATE", "REACHED AT", "FROM", "NOTE")
_COLOURS = {"up": "green|", "starting": "yellow|", "unhealthy": "red|", "down": "red|"}


def list_(context: typer.Context, names: Names = None, as_json: Json = False) -> None:
    """Show every endpoint: its domain, its service, where that is reached, and from where."""
    here = session(context)
    machine = here.machine()
    answer = list_endpoints(machine, EndpointsRequest(tuple(names or ())), here.listener)
    whose = whose_of(machine)
    if as_json:
        here.output.data(answer)
    elif answer.endpoints:
        _print(here.output, answer)
        here.output.notices(answer.warnings)
        if machine.scope is Scope.USER and whose:
            here.output.say(f"these are endpoints {whose}")
        if not answer.proxied and here.scope is Scope.SYSTEM:
            here.output.say("no proxy answers these domains; sudo beacon endpoint setup has Caddy do it")
    else:
        here.output.notices(answer.warnings)
        makes = 'domain = "example.org" in a definition makes one'
        here.output.say(f"no endpoints {whose}" if whose else f"no endpoints; {makes}")


def _print(output: Output, answer: Endpoints) -> None:
    output.table(_HEADINGS, [tuple(_row(one)) for one in answer.endpoints])
    for fix in dict.fromkeys(one.fix for one in answer.endpoints if one.fix):
        output.say(fix)


def _row(one: EndpointInfo) -> Iterator[str]:
    yield one.domain
    yield one.path
    yield one.scheme
    yield one.service
    yield f"{_COLOURS[one.state]}{one.state}"
    yield one.reached_at or "-"
    yield one.reach or "-"
    yield ", ".join(_notes(one))


def _notes(one: EndpointInfo) -> Iterator[str]:
    if one.problem and one.problem != one.unanswered:
        yield f"red|{one.problem}"
    if one.redirect:
        yield f"sent on to {one.redirect}"
    if one.internal:
        yield "internal"
