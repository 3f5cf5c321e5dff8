"""What beachhead-companion published of a service: its domains as a JSON array, for confd and its like."""

from __future__ import annotations

import json
from collections.abc import Iterable

from beacon.endpoints.facts import Fact, left_out
from beacon.model.service import Scheme

_MAPPED = {Scheme.HTTP: "http", Scheme.H2C: "http", Scheme.HTTPS: "https"}

_Spec = dict[str, object]


def array(facts: Iterable[Fact]) -> tuple[str, list[str]]:
    """Return the array of one service's *facts*, and what has no place in it, each with the reason."""
    specs: list[_Spec] = []
    without = []
    for fact in facts:
        if why := _why_not(fact):
            without.append(left_out(fact, why))
        else:
            _add(specs, fact)
    return json.dumps(specs, sort_keys=True, separators=(",", ":")), without


def _why_not(fact: Fact) -> str:
    endpoint = fact.endpoint
    for there, what in (
        (endpoint.redirect is not None, "redirects"),
        (endpoint.scheme not in _MAPPED, f"{endpoint.scheme} endpoints"),
        (endpoint.path != "/", "paths"),
        (endpoint.internal, "internal endpoints"),
        (endpoint.is_restricted, "rules of who may ask"),
    ):
        if there:
            return f"the format has no {what}"
    return ""


def _add(specs: list[_Spec], fact: Fact) -> None:
    """Add a port to the first entry of its domain that has none of that kind yet, or to a new one."""
    domain, kind = fact.endpoint.domain, _MAPPED[fact.endpoint.scheme]
    spec = next((one for one in specs if one["domain"] == domain and kind not in one), None)
    if spec is None:
        spec = {"domain": domain, "id": fact.id}
        specs.append(spec)
    spec[kind] = {"host": fact.host, "port": fact.port}
    if fact.is_marked:
        spec["state"] = fact.state.value
