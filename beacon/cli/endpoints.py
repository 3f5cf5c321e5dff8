"""beacon endpoint: the domains of the services, and where each is reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from beacon.cli import checking, opening, publishing
from beacon.cli.arguments import Json, Names, complete_service
from beacon.cli.session import session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from beacon.cli.host import Host
    from beacon.cli.output import Output
    from beacon.endpoints.routes import Route, Running


def register(app: typer.Typer) -> None:
    """Add the group of this module."""
    group = typer.Typer(
        help="The domains of services, and where each is reached.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    group.command(name="list")(list_endpoints)
    group.command(name="name")(give_name)
    group.command()(setup)
    group.command()(trust)
    checking.register(group)
    opening.register(group)
    publishing.register(group)
    app.add_typer(group, name="endpoint")


def list_endpoints(context: typer.Context, names: Names = None, as_json: Json = False) -> None:
    """Show every endpoint: its domain, its service, where that is reached, and from where."""
    from beacon.endpoints.routes import routes

    host = session(context).host()
    chosen = host.select(names)
    here = running(host)
    found = [route for route in routes(here) if route.service in chosen]
    problems = _by_proxy(host, here)
    if as_json:
        host.output.json({"endpoints": [as_dict(route, problems) for route in found]})
    elif found:
        _print(host.output, found)
        _tell_of_proxy(host, found, problems)
    else:
        host.output.say('no endpoints; domain = "example.org" in a definition makes one')


def give_name(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="The service.", autocompletion=complete_service),
    ] = None,
) -> None:
    """Print a domain that is easy to remember, and that no service has.

    Of a service it is the one that domain = "auto" gives it, and gave it.
    """
    import secrets

    from beacon.definition.names import validate_name
    from beacon.errors import UsageError
    from beacon.operations.machine import meant

    host = session(context).host()
    if name is None:
        host.output.answer(host.naming.another(secrets.token_hex(8)))
        return
    service = meant(name, host.known_names())
    problem = validate_name(service)
    if problem is not None:
        raise UsageError(problem)
    host.output.answer(host.naming.domain(service))


def setup(
    context: typer.Context,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write over Beacon's file where it was edited by hand.")
    ] = False,
) -> None:
    """Have Caddy answer the domains of this machine's services, by HTTPS.

    Caddy's configuration gets one line that takes in Beacon's file, and Caddy is started. From now on
    it follows what is added, changed and removed.
    """
    from beacon.cli.proxy import set_up, tell

    host = session(context).host()
    host.require_write("endpoint setup")
    settled = set_up(host, overwrite=overwrite)
    if settled is not None:
        tell(host, settled)
        if not settled.trouble:
            host.output.say("Caddy answers the domains of the services; beacon endpoint list shows them")


def trust(context: typer.Context) -> None:
    """Print the root certificate of Caddy's own authority, which signs for internal names.

    Who has it among the certificates that they trust reaches such names without a warning.
    """
    host = session(context).host()
    host.output.answer(host.caddy.root_certificate().rstrip())
    host.output.say(
        "on Debian: beacon endpoint trust | sudo tee /usr/local/share/ca-certificates/caddy.crt, "
        "then sudo update-ca-certificates"
    )


def running(host: Host) -> dict[str, Running]:
    """Return what runs: each service that has been applied, as it was applied."""
    from msgspec.structs import replace

    from beacon.model.unit import unit_name

    found = installed(host)
    units = host.systemd.states([unit_name(name) for name in found])
    containers = host.engine.containers() if units else {}
    return {
        name: replace(one, unit=units[unit_name(name)], container=containers.get(name))
        for name, one in found.items()
    }


def installed(host: Host) -> dict[str, Running]:
    """Return each service that has been applied, as it was applied, whether it runs or not.

    One whose endpoints cannot be read is told, and keeps the others from nothing.
    """
    from beacon.cli.look import in_effect
    from beacon.endpoints.routes import Running
    from beacon.errors import DefinitionError
    from beacon.model.runtime import UnitState
    from beacon.model.unit import unit_name

    states = host.store.load_all()
    found = {}
    for name, state in states.items():
        if state.live_release is None:
            continue
        try:
            service, own = in_effect(state.live_release)
        except DefinitionError as error:
            for fault in error.faults:
                host.output.warn(f"{name} has no endpoints: {fault}")
            continue
        ports = state.live_release.ports
        found[name] = Running(service, UnitState(unit_name(name)), own=own, ports=ports)
    return found


def _by_proxy(host: Host, here: Mapping[str, Running]) -> dict[tuple[str, str], str] | None:
    """Return why Caddy does not answer, by service and claim; None where it is not Beacon's to manage."""
    from beacon.cli.proxy import unanswered
    from beacon.endpoints.caddy import OWN
    from beacon.model.host import Scope

    if host.scope is not Scope.SYSTEM or not OWN.exists():
        return None
    return {claim: why for claim, (why, _) in unanswered(host, here).items()}


def _tell_of_proxy(
    host: Host, found: Sequence[Route], problems: Mapping[tuple[str, str], str] | None
) -> None:
    from beacon.definition.endpoints import claim_text
    from beacon.model.host import Scope

    if problems is None:
        if host.scope is Scope.SYSTEM:
            host.output.say("no proxy answers these domains; sudo beacon endpoint setup has Caddy do it")
        return
    for route in found:
        why = problems.get((route.service, claim_text(route.endpoint)))
        if why and why != route.problem:
            host.output.warn(f"Caddy does not answer {claim_text(route.endpoint)} of {route.service}: {why}")


def as_dict(route: Route, problems: Mapping[tuple[str, str], str] | None = None) -> dict[str, object]:
    """Return an endpoint as JSON has it; *problems* are those of the managed proxy, where there is one."""
    from beacon.definition.endpoints import claim_text
    from beacon.definition.handover import is_web
    from beacon.endpoints.caddyfile import url

    endpoint, place = route.endpoint, route.place
    why = (problems or {}).get((route.service, claim_text(endpoint)), "")
    proxied = problems is not None and is_web(endpoint) and not why
    return {
        "url": url(endpoint) if proxied else None,
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
        "problem": route.problem or why or None,
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
