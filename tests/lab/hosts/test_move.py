"""A machine goes from docker to Podman: one service after the other, with its data."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping

import pytest

from beacon.engine.firewall import LET_THROUGH
from tests.lab.host import LabHost
from tests.lab.images import ImageConfig
from tests.lab.stage import Stage, outcomes
from tests.lab.trees import plant, tree

FAILURE, OSERR = 1, 71
DATA = """[[volume]]
name = "data"
path = "/data"
"""
NETWORK = 'networks = ["back"]'
ONLY_DOCKER = (
    '#!/bin/sh\n[ ! -e /run/.containerenv ] || { echo "not with podman" >&2; exit 1; }\nexec /bin/web\n'
)
SPAWN = "?vfork,?fork,clone"
KILLS = [(SPAWN, 9), *(("fsync", number) for number in (4, 9, 11, 18, *range(21, 27), 30))]
"""At every step, as the test sees to, and before the first; which write is at which one varies a little."""


@pytest.fixture
def stage(both_engines: LabHost) -> Stage:
    """Return a host with both engines whose services are to run on docker."""
    return Stage(both_engines)


def let_through(stage: Stage) -> None:
    """Do what Beacon asks for, so that docker's firewall lets Podman's containers be reached."""
    for rule in LET_THROUGH:
        stage.host.run(*rule.split())


def settle(stage: Stage, *names: str) -> None:
    """Have services with data run on docker."""
    for name in names:
        stage.push(name, name)
        stage.define(name, top=NETWORK, more=DATA)
    stage.apply()
    for name in names:
        stage.host.run(
            "docker", "exec", f"beacon-{name}", "sh", "-c", f"echo {name} >/data/mine; chmod 4750 /data/mine"
        )
    stage.host.write("/etc/beacon/beacon.toml", 'engine = "podman"\n')


def data(stage: Stage, name: str, engine: str = "podman") -> str:
    """Return owner, mode and content of what a service has kept."""
    inside = ("sh", "-c", "stat -c '%a %u' /data/mine; cat /data/mine")
    return stage.host.run(engine, "exec", f"beacon-{name}", *inside).stdout


def test_services_move_with_their_data_and_docker_keeps_its_own(stage: Stage) -> None:
    settle(stage, "web", "db")
    assert LET_THROUGH[0] in stage.beacon("apply", status=OSERR).stderr
    assert (stage.version("web"), stage.version("db")) == ("web", "db")
    let_through(stage)
    held = json.loads(stage.beacon("update", "--json").stdout)["services"]
    assert {(one["service"], one["outcome"]) for one in held} == {("web", "held"), ("db", "held")}
    assert "beacon apply web moves it" in str(held)
    assert "beacon apply web" in stage.beacon("rollback", "web", status=OSERR).stderr

    planned = [step["action"] for step in json.loads(stage.beacon("plan", "--json").stdout)["steps"]]
    assert planned.count("move-service") == 2
    assert "stop-unit" not in planned
    done = stage.beacon("apply", "web")
    assert "docker keeps what it had in beacon-web-data" in done.stdout
    assert "db" not in done.stdout
    # The one that is still with docker runs on, and both answer.
    assert (stage.version("web"), stage.version("db")) == ("web", "db")
    assert stage.apply() == {"web": "unchanged", "db": "updated"}
    for name in ("web", "db"):
        assert stage.agrees(name) == name
        assert data(stage, name) == f"4750 0\n{name}\n"
    assert stage.beacon("plan").stdout == "nothing to do\n"

    docker = stage.host.run("docker", "volume", "ls", "--quiet").stdout.split()
    assert docker == ["beacon-db-data", "beacon-web-data"]
    assert stage.host.run("docker", "ps", "--all", "--quiet").stdout == ""
    assert stage.host.run("docker", "images", "--quiet").stdout == ""
    assert "beacon-back" not in stage.host.run("docker", "network", "ls").stdout
    assert stage.host.run("find", "/etc/systemd/system", "-name", "beacon-*").stdout == ""
    # They reach each other by name, follow their images, and come up at boot.
    assert (
        stage.host.run("podman", "exec", "beacon-web", "wget", "-qO-", "beacon-db:8080/version").stdout
        == "db\n"
    )
    stage.push("web", "2")
    assert stage.update() == {"web": "updated", "db": "up_to_date"}
    stage.beacon("rollback", "web")
    stage.host.run("systemctl", "disable", "--now", "docker", "docker.socket")
    stage.host.reboot()
    assert (stage.agrees("web"), data(stage, "web")) == ("web", "4750 0\nweb\n")


def test_external_volumes_go_along_once_and_are_not_torn_between_engines(stage: Stage) -> None:
    """Two services share a volume: the data must not go on in both engines."""
    shared = '[[volume]]\nexternal = "shared"\npath = "/shared"\n'
    for name in ("web", "worker"):
        stage.push(name, name)
        stage.define(name, more=shared)
    stage.apply()
    plant(stage, "beacon-web", "/shared", engine="docker")
    before = tree(stage, "beacon-web", "/shared", engine="docker")
    let_through(stage)
    stage.host.write("/etc/beacon/beacon.toml", 'engine = "podman"\n')
    started = stage.invocations("web", "worker")
    said = stage.beacon("apply", "web", status=FAILURE).stdout
    assert "docker's volume shared is mounted by beacon-worker as well" in said
    assert stage.invocations("web", "worker") == started

    stage.systemctl("stop", "beacon-worker")
    assert stage.apply("web") == {"web": "updated"}
    assert tree(stage, "beacon-web", "/shared", engine="podman") == before
    stage.host.run("podman", "exec", "beacon-web", "sh", "-c", "echo new > /shared/since")
    assert stage.apply() == {"web": "unchanged", "worker": "updated"}
    stage.beacon("start", "worker")
    assert stage.host.run("podman", "exec", "beacon-worker", "cat", "/shared/since").stdout == "new\n"
    assert not stage.host.exists("/var/lib/docker/volumes/shared/_data/since")
    assert stage.beacon("plan").stdout == "nothing to do\n"


def test_one_that_does_not_stand_with_podman_stays_with_docker(stage: Stage) -> None:
    stage.push(config=ImageConfig(cmd=("/bin/only",)), files={"bin/only": ONLY_DOCKER})
    stage.push("db")
    for name in ("web", "db"):
        stage.define(name, more=DATA)
    stage.apply()
    let_through(stage)
    stage.host.write("/etc/beacon/beacon.toml", 'engine = "podman"\n')
    said = stage.beacon("apply", "--json", status=20)
    assert outcomes(said) == {"web": "rolled_back", "db": "updated"}
    assert "not with podman" in said.stdout
    assert (stage.version("web"), stage.version("db")) == ("1", "1")
    assert "beacon-web" in stage.host.run("docker", "ps", "--format", "{{.Names}}").stdout
    assert stage.host.run("podman", "volume", "ls", "--quiet").stdout == "beacon-db-data\n"


def test_nobody_s_volume_is_overwritten(stage: Stage) -> None:
    settle(stage, "web")
    let_through(stage)
    stage.host.run("podman", "volume", "create", "beacon-web-data")
    before = stage.invocations("web")
    assert "podman has a volume beacon-web-data already" in stage.beacon("apply", status=FAILURE).stdout
    assert stage.invocations("web") == before
    stage.host.run("podman", "volume", "rm", "beacon-web-data")
    assert stage.apply() == {"web": "updated"}


def test_there_is_no_way_from_podman_to_docker_and_services_run_on(stage: Stage) -> None:
    stage.host.write("/etc/beacon/beacon.toml", "")
    let_through(stage)
    stage.deploy("web")
    stage.host.write("/etc/beacon/beacon.toml", 'engine = "docker"\n')
    assert "cannot go on with docker" in stage.beacon("apply", status=OSERR).stderr
    assert stage.version() == "1"


def test_killed_at_any_instant_the_next_apply_ends_the_move(stage: Stage) -> None:
    names = [f"web{number}" for number in range(len(KILLS))]
    settle(stage, *names)
    let_through(stage)
    points = dict(zip(names, KILLS, strict=True))
    statuses = kill_applies(stage, points)
    assert set(statuses.values()) == {-signal.SIGKILL}, statuses
    steps = {name: stage.step(name) for name in names}
    assert {"stop", "copy", "files", "restart", "gate"} <= set(steps.values()), steps
    stage.beacon("apply", status=None)
    ends = stage.apply()
    for name in names:
        assert stage.agrees(name) == name, (name, points[name], ends)
        assert data(stage, name) == f"4750 0\n{name}\n", (name, points[name])
    assert stage.beacon("plan").stdout == "nothing to do\n"


def kill_applies(stage: Stage, points: Mapping[str, tuple[str, int]]) -> dict[str, int]:
    """Move every service at once, each killed at its own point; return the exit statuses."""
    runs = {name: stage.host.start_doomed(*point, "beacon", "apply", name) for name, point in points.items()}
    for run in runs.values():
        run.communicate(timeout=120)
    return {name: run.returncode for name, run in runs.items()}
