"""Verbs that are asked for what is not there, or cannot be done: they say so, and with their exit status."""

from __future__ import annotations

import json

import pytest

from tests.lab.conftest import Push
from tests.lab.faulty_registry import Answer, FaultyRegistry
from tests.lab.host import LabHost
from tests.lab.images import ImageConfig

WEB = "registry.example:5000/me/web"
QUICK = ImageConfig(labels={"io.beacon.update.settle": "1s"})


@pytest.fixture
def web(host: LabHost, push: Push) -> str:
    """Return the reference of a service web that runs."""
    image = push(WEB, version="1", config=QUICK)
    host.run("beacon", "add", "web", image.tagged, "--port", "127.0.0.1:8080:8080")
    return image.tagged


def answer(host: LabHost) -> str:
    """Return the version that web answers with."""
    return host.run(
        "curl", "-s", "--max-time", "5", "http://127.0.0.1:8080/version", check=False
    ).stdout.strip()


def test_the_exit_code_of_a_check_is_no_update(host: LabHost, push: Push, web: str) -> None:
    del web
    push(WEB, version="2", config=QUICK)
    done = host.run("beacon", "update", "--exit-code", check=False)
    assert done.returncode == 2
    assert "beacon update --check --exit-code" in done.stderr
    assert answer(host) == "1"


@pytest.mark.parametrize("json", [(), ("--json",)], ids=["text", "json"])
def test_a_service_that_is_not_there_is_no_such_service(host: LabHost, json: tuple[str, ...]) -> None:
    verbs = ["rollback", "history", "show", "show --effective", "render", "plan", "apply", "status", "update"]
    verbs += ["update --check", "endpoint list", "stats"]
    if not json:
        verbs += ["start", "stop", "restart", "hold", "unhold", "logs", "edit", "rm", "wait-healthy", "exec"]
    for verb in verbs:
        done = host.run("beacon", *verb.split(), "nosuch", *json, check=False, timeout=20)
        assert done.returncode == 4, verb
        assert "there is no service 'nosuch'" in done.stderr, verb
        assert done.stdout == "", verb


def test_an_endpoint_that_is_not_there_is_no_such_endpoint(host: LabHost, web: str) -> None:
    del web
    for verb in ("check", "open"):
        done = host.run("beacon", "endpoint", verb, "nosuch.example", check=False)
        assert done.returncode == 4, verb
        assert "no endpoint is called 'nosuch.example'" in done.stderr


def test_a_failed_add_is_repeated(host: LabHost, push: Push) -> None:
    """With what was missing, and with other options, at the image that is there by now."""
    image = push(WEB, version="1", config=QUICK, broken="exit")
    words = ("beacon", "add", "web", image.tagged, "--port", "127.0.0.1:8080:8080")
    lacking = host.run(*words, "--secret", "tok:TOK", check=False)
    assert lacking.returncode == 1
    assert "there is no secret 'tok'" in lacking.stdout
    assert "beacon secret set tok" in lacking.stderr
    assert not host.exists("/etc/beacon/services/web.toml")
    assert host.run(*words, check=False).returncode == 1
    push(WEB, version="2", config=QUICK)
    host.run(*words, "--env", "NEW=1")
    assert answer(host) == "2"
    assert 'NEW = "1"' in host.read("/etc/beacon/services/web.toml")
    assert host.run(*words, check=False).returncode == 2


def test_a_service_that_is_only_defined_is_told_how_it_is_installed(host: LabHost, web: str) -> None:
    host.write("/etc/beacon/services/idle.toml", f'image = "{web}"\n')
    for verb in ("start", "stop", "restart"):
        done = host.run("beacon", verb, "idle", check=False)
        assert done.returncode == 71, verb
        assert "idle: it is not installed" in done.stderr
        assert "beacon apply idle" in done.stderr


def test_waiting_for_a_service_ends(host: LabHost, web: str) -> None:
    del web
    host.run("beacon", "wait-healthy", "web", timeout=20)
    host.run("beacon", "wait-healthy", "beacon-web.service", timeout=20)
    host.run("beacon", "stop", "web")
    done = host.run("beacon", "wait-healthy", "web", check=False, timeout=20)
    assert done.returncode == 3
    assert "beacon start web" in done.stderr


def test_a_plan_says_what_a_registry_keeps_from_it(
    host: LabHost, push: Push, faulty_registry: FaultyRegistry, web: str
) -> None:
    del push
    faulty_registry.when("/manifests/", Answer(503))
    host.write("/etc/beacon/services/away.toml", f'image = "{faulty_registry.address}/me/web"\n')
    host.write("/etc/beacon/services/web.toml", f'image = "{web}"\nenv = {{ NEW = "1" }}\n')
    done = host.run("beacon", "plan", check=False)
    assert done.returncode == 69
    assert "restart beacon-web.service" in done.stdout
    assert "away: could not check" in done.stderr
    asked = host.run("beacon", "plan", "--json", check=False)
    assert asked.returncode == 69
    body = json.loads(asked.stdout)
    assert {step["action"] for step in body["steps"]} >= {"write-file", "restart-unit"}
    assert [(one["service"], one["outcome"]) for one in body["services"]] == [("away", "unchecked")]
    for words in (("show", "away", "--effective"), ("render", "away"), ("plan", "away"), ("apply", "away")):
        assert host.run("beacon", *words, check=False).returncode == 69, words


def test_a_plan_says_which_file_is_in_its_way(host: LabHost, push: Push) -> None:
    image = push(WEB, version="1", config=QUICK)
    host.write("/etc/containers/systemd/beacon-web.container", "[Container]\nImage=mine\n")
    host.write("/etc/beacon/services/web.toml", f'image = "{image.tagged}"\n')
    for verb in ("plan", "apply"):
        done = host.run("beacon", verb, check=False)
        assert done.returncode == 1, verb
        assert "was not made by Beacon" in done.stdout + done.stderr
    assert "Image=mine" in host.read("/etc/containers/systemd/beacon-web.container")
