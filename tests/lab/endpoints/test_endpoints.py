"""Endpoints as their owner meets them, on a real host."""

from __future__ import annotations

import json
from typing import Any

from tests.lab.stage import QUICK, Stage


def listed(stage: Stage, *names: str) -> list[dict[str, Any]]:
    """Return what `beacon endpoint list` says."""
    body: dict[str, Any] = json.loads(stage.beacon("endpoint", "list", *names, "--json").stdout)
    return list(body["endpoints"])


def test_a_domain_from_the_command_line_to_the_list(stage: Stage) -> None:
    pushed = stage.push("web", config=QUICK)
    refused = stage.beacon("add", "web", pushed.tagged, "--domain", "example.org:8080", status=65)
    assert "domain: must say what the port is for" in refused.stderr
    assert "\n    example.org:8080\n                ^~~~\n" in refused.stderr

    stage.beacon(
        "add",
        "web",
        pushed.tagged,
        "--port=127.0.0.1:8080:8080",
        "--domain=münchen.example:http=8080",
        "--domain=example.org:https=8443",
        status=1,
        timeout=120,
    )
    # One of the ports is not listened at, which says nothing of where endpoints are reached.
    assert "where an endpoint is reached" in stage.state()["releases"][0]["reason"]
    reached, chosen = sorted(listed(stage), key=lambda one: one["scheme"])
    assert (reached["domain"], reached["service"], reached["state"]) == (
        "xn--mnchen-3ya.example",
        "web",
        "up",
    )
    assert (reached["address"], reached["port"], reached["reach"]) == ("127.0.0.1", 8080, "loopback")
    assert (chosen["domain"], chosen["address"], chosen["problem"]) == ("example.org", "127.0.0.1", None)
    said = stage.beacon("endpoint", "list", "web")
    assert said.stdout.split("\n")[0].split()[:5] == ["DOMAIN", "PATH", "SCHEME", "SERVICE", "STATE"]
    assert str(chosen["port"]) in said.stdout


def test_a_change_of_endpoints_alone_restarts_nothing(stage: Stage) -> None:
    stage.deploy("web")
    before = stage.invocations("web")
    stage.define("web", top='domain = "example.org:http=8080"')
    stage.apply()
    assert [one["domain"] for one in listed(stage)] == ["example.org"]
    assert stage.invocations("web") == before
    assert stage.beacon("plan").stdout == "nothing to do\n"

    stage.beacon("stop", "web")
    assert [one["state"] for one in listed(stage, "web")] == ["down"]


def test_two_services_with_one_domain_are_refused_before_anything_is_done(stage: Stage) -> None:
    stage.deploy("web")
    stage.push("shop")
    for name in ("web", "shop"):
        stage.define(name, top='domain = "example.org:http=8080"')
    refused = stage.beacon("apply", status=65)
    assert "web.toml: domain: must not be example.org, which" in refused.stderr
    assert "shop.toml (domain) has already" in refused.stderr
