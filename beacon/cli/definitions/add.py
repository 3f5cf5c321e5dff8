"""beacon add: a new service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from beacon.cli.arguments import Json, option
from beacon.cli.outcomes import show_answer
from beacon.cli.session import session
from beacon.errors import UsageError
from beacon.operations.definitions.add import AddRequest
from beacon.operations.definitions.add import add as ask

_Ports = Annotated[
    list[str] | None,
    option("Publish a port of the container.", "--port", "-p", metavar="[IP:]HOST:CONTAINER[/udp]"),
]
_Env = Annotated[
    list[str] | None, option("Set a variable in the container.", "--env", "-e", metavar="KEY=VALUE")
]
_Volumes = Annotated[
    list[str] | None,
    option("Keep data, or mount a host folder.", "--volume", "-v", metavar="NAME|/HOST:PATH[:ro]"),
]
_Domains = Annotated[
    list[str] | None,
    option(
        "A domain that the service answers, at a port of the container; auto chooses one.",
        "--domain",
        metavar="DOMAIN[:http[=PORT]][:https[=PORT]]",
    ),
]
_Secrets = Annotated[
    list[str] | None,
    option(
        "A secret, as a variable or a file (/run/secrets/NAME).",
        "--secret",
        metavar="NAME[:VARIABLE|:/PATH]",
    ),
]
_Networks = Annotated[
    list[str] | None, option("A network that it shares with others.", "--network", metavar="NAME")
]
_Needs = Annotated[list[str] | None, option("A service that must be up first.", "--needs", metavar="SERVICE")]
_Memory = Annotated[str, option("The most memory: 512M.", "--memory", metavar="SIZE")]
_Health = Annotated[
    str,
    option(
        "What tells that it is healthy; a command runs in the container.",
        "--health",
        metavar="http:PORT[/PATH]|tcp:PORT|COMMAND",
    ),
]
_NoStart = Annotated[bool, option("Install the service without starting it.", "--no-start")]


def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The service's name.")],
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="What to run, with its registry and tag.")],
    ports: _Ports = None,
    env: _Env = None,
    volumes: _Volumes = None,
    domains: _Domains = None,
    secrets: _Secrets = None,
    networks: _Networks = None,
    needs: _Needs = None,
    memory: _Memory = "",
    health: _Health = "",
    no_start: _NoStart = False,
    as_json: Json = False,
) -> None:
    """Define a service and start it.

    Its image is pulled, and the command waits until the service is healthy. The definition is a
    file that beacon edit opens; from now on the image's tag is followed.
    """
    here = session(context)
    request = AddRequest(
        service=name,
        image=image,
        ports=tuple(ports or ()),
        env=_pairs(env or ()),
        volumes=tuple(volumes or ()),
        domains=tuple(domains or ()),
        secrets=tuple(secrets or ()),
        networks=tuple(networks or ()),
        needs=tuple(needs or ()),
        memory=memory,
        health=health,
        start=not no_start,
    )
    answer = ask(here.machine(), request, here.listener)
    if answer.domain:
        here.output.say(f"{name} has the domain {answer.domain}")
    raise typer.Exit(show_answer(here.output, answer, every=True, as_json=as_json))


def _pairs(env: Iterable[str]) -> dict[str, str]:
    pairs = {}
    for entry in env:
        key, equals, value = entry.partition("=")
        if not equals:
            raise UsageError(f"--env {entry} has no value", hint=f"--env {entry}=VALUE")
        pairs[key] = value
    return pairs
