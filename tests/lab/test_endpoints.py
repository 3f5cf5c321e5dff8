"""Endpoints as their owner meets them, on a real host."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.lab.host import wait_until
from tests.lab.stage import Stage


def listed(stage: Stage, *names: str) -> list[dict[str, Any]]:
    """Return what `beacon endpoint list` says."""
    body: dict[str, Any] = json.loads(stage.beacon("endpoint", "list", *names, "--json").stdout)
    return list(body["endpoints"])


def test_a_domain_from_the_command_line_to_the_list(stage: Stage) -> None:
    pushed = stage.push("web")
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
    )
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


@pytest.fixture
def redis(stage: Stage) -> Iterator[Callable[..., str]]:
    """Return a function that asks a Redis of the host, with a password, which is gone after the test."""
    stage.host.run(
        *("systemd-run", "--quiet", "--collect", "--unit=lab-redis", "redis-server", "--port", "6379"),
        *("--save", "", "--requirepass", "sesame"),
    )

    def ask(*words: str) -> str:
        said = stage.host.run("redis-cli", "--no-auth-warning", "-a", "sesame", *words)
        return said.stdout.removesuffix("\n")

    wait_until(lambda: stage.host.run("redis-cli", "ping", check=False).returncode == 0)
    yield ask
    stage.host.run("systemctl", "stop", "lab-redis")


def configure(stage: Stage, *, password: str = "sesame", more: str = "") -> None:  # noqa: S107
    """Write beacon.toml."""
    stage.write(f"{stage.config}/beacon.toml", f'[publish.redis]\npassword = "{password}"\n{more}\n')


def test_redis_says_what_is_up(stage: Stage, redis: Callable[..., str]) -> None:
    machine = stage.host.run("uname", "-n").stdout.strip()
    key = f"/beachhead/{machine}:web"
    stage.push("web")
    stage.define("web", top='domain = "example.org:http=8080 www.example.org:https=8080"')
    stage.apply()
    refused = stage.beacon("endpoint", "publish", "--once", status=78)
    assert "has no table [publish.redis]" in refused.stderr
    configure(stage)
    redis("set", f"/beachhead/{machine}:other", "not Beacon's")

    shown = stage.beacon("endpoint", "publish", "--dry-run")
    assert shown.stdout.startswith(f"{key} [")
    assert redis("exists", key) == "0"

    stage.beacon("endpoint", "publish", "--once")
    port = stage.port("web")
    assert redis("get", key) == (
        f'[{{"domain":"example.org","http":{{"host":"127.0.0.1","port":{port}}},"id":"example_org"}},'
        f'{{"domain":"www.example.org","https":{{"host":"127.0.0.1","port":{port}}},"id":"www_example_org"}}]'
    )
    assert 50 < int(redis("ttl", key)) <= 60

    # without expiry; then stopped, then gone, under another prefix
    configure(stage, more='expire = "off"\nprefix = "/x/"')
    stage.beacon("endpoint", "publish", "--once")
    assert (redis("ttl", f"/x/{machine}:web"), redis("exists", key)) == ("-1", "0")
    stage.beacon("stop", "web")
    stage.beacon("endpoint", "publish", "--once")
    assert redis("exists", f"/x/{machine}:web") == "0"
    stage.beacon("start", "web")
    stage.beacon("endpoint", "publish", "--once")
    assert redis("exists", f"/x/{machine}:web") == "1"
    stage.beacon("rm", "web")
    stage.beacon("endpoint", "publish", "--once")
    assert redis("keys", "*") == f"/beachhead/{machine}:other"


def test_a_redis_that_refuses_is_told_and_nothing_is_half_written(
    stage: Stage, redis: Callable[..., str]
) -> None:
    for name in ("web", "shop"):
        stage.push(name)
        stage.define(name, top=f'domain = "{name}.example.org:http=8080"')
    stage.apply()
    configure(stage, password="wrong")  # noqa: S106
    refused = stage.beacon("endpoint", "publish", "--once", status=78)
    assert "refuses the user or the password" in refused.stderr

    configure(stage)
    redis("config", "set", "maxmemory", "1")
    full = stage.beacon("endpoint", "publish", "--once", status=69)
    assert "redis://localhost:6379/0 is full: nothing was published" in full.stderr
    redis("config", "set", "maxmemory", "0")
    assert redis("keys", "*") == ""

    configure(stage, more="port = 6380")
    down = stage.beacon("endpoint", "publish", "--once", status=69)
    assert "cannot reach redis://localhost:6380/0" in down.stderr
    configure(stage)
    stage.beacon("endpoint", "publish", "--once")
    assert len(redis("keys", "*").splitlines()) == 2
