"""What beachhead-companion published of a service: its domains as a JSON array, for confd and its like."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from beacon.definition.endpoints import VARIABLE, claim_text
from beacon.endpoints.routes import Place, Route, Running, State
from beacon.model.service import Scheme, Unhealthy

_MAPPED = {Scheme.HTTP: "http", Scheme.H2C: "http", Scheme.HTTPS: "https"}
_NO_IDENTIFIER = re.compile(r"[^A-Za-z0-9_]")

_Spec = dict[str, object]


@dataclass(frozen=True, slots=True)
class Facts:
    """What can be published: service → JSON; and what cannot, each with the reason."""

    values: Mapping[str, str]
    left_out: tuple[str, ...]


def facts(running: Mapping[str, Running], found: Iterable[Route], address: str) -> Facts:
    """Return what is to be published of the services *running*, whose endpoints are *found*.

    *address* stands for every address of the machine: nobody else can be told to go to ``*``.
    """
    values: dict[str, str] = {}
    left_out = []
    by_service: dict[str, list[Route]] = {}
    for route in found:
        by_service.setdefault(route.service, []).append(route)
    for name, one in sorted(running.items()):
        order = list(one.service.endpoints)
        specs: list[_Spec] = []
        for route in sorted(by_service.get(name, ()), key=lambda route: order.index(route.endpoint)):
            why = _why_not(route)
            if why or route.place is None:
                left_out.append(f"{claim_text(route.endpoint)} of {name} is not published: {why}")
            else:
                _add(specs, route, route.place, address)
        if specs or _says_nothing(one):
            values[name] = json.dumps(specs, sort_keys=True, separators=(",", ":"))
    return Facts(values, tuple(left_out))


def _says_nothing(one: Running) -> bool:
    """Say whether a service has the variable and no domain in it, for which there was an empty array."""
    asked = one.service.compat and VARIABLE in one.service.env
    return asked and not one.service.endpoints and one.state is State.UP


def _why_not(route: Route) -> str:
    endpoint = route.endpoint
    if route.state is State.DOWN:
        return "the service is down"
    if route.state is not State.UP and endpoint.health is Unhealthy.WITHDRAW:
        return f"the service is {route.state}"
    for there, what in (
        (endpoint.redirect is not None, "redirects"),
        (endpoint.scheme not in _MAPPED, f"{endpoint.scheme} endpoints"),
        (endpoint.path != "/", "paths"),
        (endpoint.internal, "internal endpoints"),
    ):
        if there:
            return f"the format has no {what}"
    return route.problem


def _add(specs: list[_Spec], route: Route, place: Place, address: str) -> None:
    """Add a port to the first entry of its domain that has none of that kind yet, or to a new one."""
    domain, kind = route.endpoint.domain, _MAPPED[route.endpoint.scheme]
    spec = next((one for one in specs if one["domain"] == domain and kind not in one), None)
    if spec is None:
        spec = {"domain": domain, "id": _NO_IDENTIFIER.sub("_", domain)}
        specs.append(spec)
    spec[kind] = {"host": place.address or address, "port": place.port}
