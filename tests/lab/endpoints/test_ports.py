"""Ports nobody has to choose: what an endpoint gets, keeps and gives back, on every kind of host."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lab.host import wait_until
from tests.lab.stage import QUICK, Stage

pytestmark = pytest.mark.every_kind


def place(stage: Stage, name: str = "web") -> tuple[str, int]:
    """Return where the endpoint of a service is reached."""
    said = stage.beacon("endpoint", "list", name, "--json").stdout
    (one,) = list[dict[str, Any]](json.loads(said)["endpoints"])
    assert (one["problem"], one["reach"]) == (None, "loopback")
    return one["address"], one["port"]


def answers(stage: Stage, port: int) -> str:
    """Return the version that answers at a port of the host's loopback, or nothing."""
    done = stage.host.run(
        "curl", "--silent", "--max-time", "2", f"http://127.0.0.1:{port}/version", check=False
    )
    return done.stdout.strip()


def wait_for(stage: Stage, port: int, version: str) -> None:
    """Return as soon as *version* answers there."""
    wait_until(lambda: answers(stage, port) == version, 30, interval=0.1)


def define(stage: Stage, name: str = "web", more: str = "") -> None:
    """Define a service with a domain and without a port."""
    stage.push(name)
    stage.define(name, port=False, top=f'domain = "{name}.example.org"\n{more}')


def test_a_domain_is_enough(stage: Stage) -> None:
    for name in ("web", "shop"):
        define(stage, name)
    stage.apply()
    (address, port), (_, other) = place(stage), place(stage, "shop")
    assert (address, port != other) == ("127.0.0.1", True)
    assert {20000 <= one <= 29999 for one in (port, other)} == {True}
    for one in (port, other):
        wait_for(stage, one, "1")
    assert stage.beacon("plan").stdout == "nothing to do\n"

    # over updates, rollbacks, a change of the definition and a start of the machine
    stage.push("web", "2")
    assert stage.update("web") == {"web": "updated"}
    wait_for(stage, port, "2")
    stage.beacon("rollback", "web")
    wait_for(stage, port, "1")
    stage.define("web", port=False, top='domain = "web.example.org"\nhostname = "other"')
    stage.apply()
    assert place(stage) == ("127.0.0.1", port)
    stage.host.reboot()
    if stage.user:  # whose manager cannot pull it up, and Quadlet's units wait for it
        stage.host.run("systemctl", "start", "network-online.target")
    wait_for(stage, port, "1")
    wait_for(stage, other, "1")
    assert stage.beacon("plan").stdout == "nothing to do\n"

    # what the service has is nobody else's, and is free when it is gone
    stage.push("late", config=QUICK)
    text = f'image = "registry.example:5000/me/late"\nport = [{{ host = {port}, container = 8080 }}]\n'
    stage.write(stage.definition("late"), text)
    refused = stage.beacon("apply", "late", status=65)
    assert f"port[0].host: must not be {port}, which web was given for its endpoints" in refused.stderr
    stage.beacon("rm", "web")
    assert stage.apply("late") == {"late": "installed"}
    wait_for(stage, port, "1")


def test_ports_that_are_taken_are_left_alone(stage: Stage) -> None:
    one = 'handover = "wait"'  # which needs no second port
    stage.write(f"{stage.config}/beacon.toml", 'ports = "21000-21002"\n')
    script = "import socket, time; s = socket.create_server(('127.0.0.1', 21000)); time.sleep(600)"
    listener = stage.host.start("python3", "-c", script)
    try:
        wait_until(lambda: "127.0.0.1:21000" in stage.host.run("ss", "-tln").stdout)
        stage.push("declared", config=QUICK)
        text = 'image = "registry.example:5000/me/declared"\n[[port]]\nhost = 21001\ncontainer = 8080\n'
        stage.write(stage.definition("declared"), text)
        define(stage, "web", one)
        stage.apply()
        assert place(stage) == ("127.0.0.1", 21002)
        pushed = stage.push("late")
        full = stage.beacon("add", "late", pushed.tagged, "--domain=late.example.org", status=71)
        assert "late needs a port of the loopback, and all of 21000-21002 are taken" in full.stderr
        assert stage.beacon("show", "late", status=None).returncode != 0
        stage.beacon("rm", "declared")
        define(stage, "late", one)
        assert stage.apply("late") == {"late": "installed"}
        wait_for(stage, 21001, "1")
    finally:
        stage.host.kill(listener)
        listener.communicate()
