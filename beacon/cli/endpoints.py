"""beacon endpoint: the domains of the services, and where each is reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from beacon.cli import publishing
from beacon.cli.arguments import Json, Names
from beacon.cli.session import session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from beacon.cli.host import Host
    from beacon.cli.output import Output
    from beacon.endpoints.routes import Route, Running

group = typer.Typer(
    help="The domains of services, and where each is reached.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add the group of this module."""
    publishing.register(group)
    app.add_typer(group, name="endpoint")


@group.command(name="list")
def list_endpoints(context: typer.Context, names: Names = None, as_json: Json = False) -> None:
    """Show every endpoint: its domain, its service, where that is reached, and from where."""
    from beacon.endpoints.routes import routes

    host = session(context).host()
    chosen = host.select(names)
    found = [route for route in routes(running(host)) if route.service in chosen]
    if as_json:
        host.output.json({"endpoints": [as_dict(route) for route in found]})
    elif found:
        _print(host.output, found)
    else:
        host.output.say('no endpoints; domain = "example.org" in a definition makes one')


def running(host: Host) -> dict[str, Running]:
    """Return what runs: each service that has been applied, as it was applied; faults are told."""
    from beacon.cli.look import Look
    from beacon.systemd.watch import UnitWatch

    look = Look(host, lambda: UnitWatch(host.scope).states())
    found = look()
    for problem in look.problems:
        host.output.warn(problem)
    return found


def as_dict(route: Route) -> dict[str, object]:
    """Return an endpoint as JSON has it."""
    endpoint, place = route.endpoint, route.place
    return {
        "domain": endpoint.domain,
        "path": endpoint.path,
        "scheme": endpoint.scheme.value,
        "service": route.service,
        "state": route.state.value,
        "container_port": endpoint.port,
        "address": (place.address or "*") if place else None,
        "port": place.port if place else None,
        "reach": place.reach.value if place else None,
        "redirect": endpoint.redirect,
        "tls": endpoint.tls,
        "internal": endpoint.internal,
        "health": endpoint.health.value,
        "problem": route.problem or None,
        "mend": route.mend or None,
    }


_COLOURS = {"up": "green|", "starting": "yellow|", "unhealthy": "red|", "down": "red|"}


def _print(output: Output, found: Sequence[Route]) -> None:
    rows = [
        (
            route.endpoint.domain,
            route.endpoint.path,
            route.endpoint.scheme.value,
            route.service,
            f"{_COLOURS[route.state]}{route.state}",
            str(route.place or "-"),
            route.place.reach if route.place else "-",
            _note(route),
        )
        for route in found
    ]
    output.table(("DOMAIN", "PATH", "SCHEME", "SERVICE", "STATE", "REACHED AT", "FROM", "NOTE"), rows)
    for mend in dict.fromkeys(route.mend for route in found if route.mend):
        output.say(mend)


def _note(route: Route) -> str:
    notes = [f"red|{route.problem}"] if route.problem else []
    notes += [f"sent on to {route.endpoint.redirect}"] if route.endpoint.redirect else []
    notes += ["internal"] if route.endpoint.internal else []
    return ", ".join(notes)
