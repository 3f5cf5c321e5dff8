"""One command installs Deluge as the catalog has it, and its password is nowhere but in its container."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest

from tests.lab.host import wait_until
from tests.lab.kinds import DOCKER, OLD_PODMAN
from tests.lab.leaks import leaks
from tests.lab.stage import Stage
from tests.lab.standin import StandIns

pytestmark = [
    pytest.mark.every_kind,
    pytest.mark.not_on(OLD_PODMAN, DOCKER, why="registries.conf leads the names of its images here"),
]


def password(said: str) -> str:
    """Return the password that is shown."""
    return next(line.split()[-1] for line in said.splitlines() if line.lower().startswith("password"))


def inside(stage: Stage) -> str:
    """Return the password that the container has."""
    return stage.engine("exec", "beacon-deluge", "cat", "/run/secrets/password").strip()


def status(stage: Stage) -> dict[str, Any]:
    """Return the one app that is installed."""
    (found,) = json.loads(stage.beacon("app", "status", "--json").stdout)["installed"]
    return dict(found)


def answers_at(stage: Stage, port: int) -> bool:
    """Say whether the page is there, from outside of the host."""
    connection = http.client.HTTPConnection(stage.host.address, port, timeout=1)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


def test_deluge_comes_goes_and_comes_back(stage: Stage) -> None:
    apps = StandIns(stage, "deluge")
    apps.stand_in()
    said = stage.beacon("app", "install", "deluge", timeout=180).stdout
    assert f"http://{stage.host.name}:8112/" in said
    made = password(said)
    assert (len(made), inside(stage)) == (20, made)
    assert leaks(stage, made, "deluge") == []
    wait_until(lambda: answers_at(stage, 8112))
    assert (status(stage)["name"], status(stage)["revision"]) == ("deluge", 1)
    born, began = apps.born(), stage.invocations("deluge")
    for _ in range(2):
        assert stage.update() == {"deluge": "up_to_date"}
        stage.beacon("app", "update", "deluge")
    assert stage.invocations("deluge") == began, "there is nothing to do"

    apps.offer(2)
    assert status(stage)["newest"] == 2
    stage.beacon("app", "update", "deluge", timeout=180)
    assert (status(stage)["revision"], stage.live("deluge")["reference"]["tag"]) == (2, "2")
    apps.offer(3, broken=True)
    stage.beacon("app", "update", "deluge", status=20, timeout=180)
    assert (status(stage)["revision"], stage.live("deluge")["reference"]["tag"]) == (2, "2")
    wait_until(lambda: answers_at(stage, 8112))
    assert inside(stage) == made

    gone = stage.beacon("app", "remove", "deluge")
    assert "its data stays in beacon-deluge-config" in gone.stdout
    assert "its secrets stay: deluge.password" in gone.stdout + gone.stderr
    assert stage.engine("ps", "--all", "--quiet") == ""
    assert "beacon-deluge-config" in stage.engine("volume", "ls", "--quiet")
    apps.offer(4)
    said = stage.beacon("app", "install", "deluge", timeout=180).stdout
    assert (password(said), inside(stage), apps.born()) == (made, made, born)
    assert leaks(stage, made, "deluge") == []
