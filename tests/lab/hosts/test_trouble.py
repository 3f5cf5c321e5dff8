"""What befalls engines and homes while Beacon is at work: nothing is lost, and what is wrong is said."""

from __future__ import annotations

import json

import pytest

from tests.lab.host import LabHost, wait_until
from tests.lab.images import ImageConfig, push
from tests.lab.stage import Stage, outcomes

FAILURE = 1
WEB = "registry.example:5000/me/web"


@pytest.fixture
def stage(both_engines: LabHost) -> Stage:
    """Return a host with both engines whose services are to run on docker."""
    return Stage(both_engines)


def test_docker_restarts_in_the_middle_of_an_update(stage: Stage) -> None:
    """The candidate goes down with the daemon and comes back with it, to be watched anew."""
    run = stage.settling("3s")
    stage.host.run("systemctl", "restart", "docker")
    said, _ = run.communicate(timeout=60)
    assert '"updated"' in said
    assert stage.version() == "2"


def test_docker_is_stopped_in_the_middle_of_an_update(stage: Stage) -> None:
    """The candidate goes down with the daemon, which is no fault of its image: it is tried again."""
    run = stage.settling("3s")
    stage.host.run("systemctl", "stop", "docker.socket", "docker.service")
    said, _ = run.communicate(timeout=60)
    (outcome,) = json.loads(said)["services"]
    assert (run.returncode, outcome["outcome"]) == (FAILURE, "failed")
    assert "docker's daemon is stopped" in outcome["detail"]
    assert not stage.host.run("systemctl", "--quiet", "is-active", "docker", check=False).stdout
    stage.host.run("systemctl", "start", "docker")
    (resumed,) = json.loads(stage.beacon("update", "--json", status=FAILURE).stdout)["services"]
    assert "docker's daemon ended meanwhile" in resumed["detail"]
    assert "release 1 runs on" in resumed["detail"]
    wait_until(lambda: stage.version() == "1")
    assert stage.update() == {"web": "updated"}
    assert stage.version() == "2"


def test_a_rollout_ends_on_the_engine_that_it_began_on(stage: Stage) -> None:
    """The setting is changed while a rollout lies in the journal: it is ended where it began."""
    run = stage.settling("3s")
    stage.host.run("pkill", "--signal=KILL", "--full", "/usr/bin/beacon update")
    run.communicate()
    stage.host.write("/etc/beacon/beacon.toml", 'engine = "podman"\n')
    assert outcomes(stage.beacon("update", "--json")) == {"web": "updated"}
    assert stage.version() == "2"
    assert "beacon-web" in stage.host.run("docker", "ps", "--format", "{{.Names}}").stdout
    assert stage.update() == {"web": "held"}


def test_a_full_home_is_said_and_nothing_is_half_written(host: LabHost) -> None:
    owner = host.add_user("owner")
    host.run("systemctl", "start", "network-online.target")
    quick = ImageConfig(labels={"io.beacon.update.settle": "200ms"})
    push(host, WEB, config=quick)
    owner.run("beacon", "add", "web", f"{WEB}:latest", "--port", "8081:8080")
    state, definitions = f"{owner.home}/.local/state/beacon", f"{owner.home}/.config/beacon/services"
    kept = {path: host.read(path) for path in (f"{definitions}/web.toml", f"{state}/services/web.json")}
    for folder in (state, definitions):
        host.run("mount", "-t", "tmpfs", "-o", f"size=16k,uid={owner.uid}", "tmpfs", folder)
    host.run("sh", "-c", f"mkdir {state}/services && chown owner: {state}/services")
    for path, text in kept.items():
        owner.write(path, text)
    for folder in (state, definitions):
        host.run("sh", "-c", f"cat /dev/zero >{folder}/full 2>/dev/null", check=False)
    push(host, WEB, version="2", config=quick)
    updated = owner.run("beacon", "update", check=False)
    assert updated.returncode == FAILURE
    assert "No space left on device" in updated.stdout
    other = owner.run("beacon", "add", "other", f"{WEB}:latest", check=False)
    assert other.returncode == FAILURE
    assert f"{state} is full" in other.stdout
    assert {path: host.read(path) for path in kept} == kept
    left = host.run("find", definitions, state, "-type", "f").stdout.split()
    assert {path for path in left if not path.endswith("/full")} <= {*kept, f"{state}/checks.json"}
    answer = host.run("curl", "--silent", "http://127.0.0.1:8081/version").stdout
    assert answer == "1\n"
    for folder in (state, definitions):
        host.run("umount", folder)
