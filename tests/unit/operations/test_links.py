"""How what is found of endpoints is summed up."""

from __future__ import annotations

import msgspec

from beacon.cli.endpoint.check import summary
from beacon.doctor.judge.finding import Report, error, ok, warning, worst
from beacon.endpoints.routing.routes import Route, State
from beacon.model.service import Endpoint
from beacon.operations.endpoints.check import checked
from beacon.wire.answer import to_json
from beacon.wire.endpoints import EndpointCheck

WEB = Route("web", Endpoint("example.org", 8080), State.UP)
API = Route("api", Endpoint("example.org", 8081, path="/api"), State.UP)
ANY = Route("any", Endpoint("*.example.org", 8082), State.UP)
OWN = Route("own", Endpoint("own.example.org", 8083), State.UP)


WELL = (Report("dns", (ok("leads here"),)), Report("service", (ok("up"),)))
WARNED = (Report("dns", (warning("elsewhere", "why"),)), *WELL[1:])
BROKEN = (*WELL[:1], Report("service", (error("down", "why", "start it"),)))


def answer(*found: tuple[Route, tuple[Report, ...]]) -> EndpointCheck:
    return EndpointCheck(
        scope="system",
        severity=worst(report for _, reports in found for report in reports).word,
        endpoints=tuple(checked(*one) for one in found),
    )


def test_of_one_endpoint_the_broken_link_is_told_and_of_several_how_many() -> None:
    assert summary(answer((WEB, WELL))) == "example.org: no link is broken"
    assert summary(answer((API, BROKEN))) == "example.org/api: the service link is broken"
    every = answer((WEB, WELL), (API, BROKEN), (ANY, WARNED), (OWN, WELL))
    assert summary(every) == "4 endpoints: 2 ok, 1 warning, 1 error"


def test_json_has_every_link() -> None:
    said = msgspec.json.decode(to_json(answer((API, BROKEN))))
    fine = {"severity": "ok", "what": "leads here", "why": None, "mend": None, "fix": None}
    down = {"severity": "error", "what": "down", "why": "why", "mend": "start it", "fix": "start it"}
    assert said == {
        "version": 1,
        "warnings": [],
        "scope": "system",
        "severity": "error",
        "endpoints": [
            {
                "name": "example.org/api",
                "domain": "example.org",
                "path": "/api",
                "scheme": "http",
                "service": "api",
                "severity": "error",
                "broken": "service",
                "links": [{"link": "dns", **fine}, {"link": "service", **down}],
            }
        ],
    }
