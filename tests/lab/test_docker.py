"""A host that has docker and no Podman: the same story, in the same words."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.lab.conftest import FreshHost
from tests.lab.host import LabHost, wait_until
from tests.lab.images import ImageConfig
from tests.lab.stage import Stage, outcomes

ROLLED_BACK = 20
UNIT = "/etc/systemd/system/beacon-web.service"
HEALTHCHECK = {
    "Test": ["CMD", "wget", "-qO-", "localhost:8080"],
    "Interval": 10**9,
    "Timeout": 10**9,
    "Retries": 6,
}


class DockerStage(Stage):
    """A host with docker alone as a stage for services."""

    def running(self, name: str = "web") -> dict[str, Any]:
        """Return what the engine says of a service's container."""
        (container,) = json.loads(self.host.run("docker", "inspect", f"beacon-{name}").stdout)
        return dict(container)

    def agrees(self, name: str = "web") -> str:
        """Return the version of a service that is at rest, with state, file, unit and container at one."""
        state, live = self.state(name), self.live(name)
        assert state["rollout"] is None
        assert live["state"] == "live"
        assert f"@{live['digest']}\n" in self.host.read(f"/etc/systemd/system/beacon-{name}.service")
        unit = self.show(f"beacon-{name}.service", "ActiveState", "NeedDaemonReload")
        assert unit == {"ActiveState": "active", "NeedDaemonReload": "no"}
        container = self.running(name)
        assert container["Config"]["Image"].endswith(live["digest"])
        assert container["Config"]["Labels"]["io.beacon.release"] == str(live["number"])
        assert container["HostConfig"]["CgroupParent"] == f"beacon-{name}.slice"
        wait_until(lambda: self.version(name))
        return self.version(name)


@pytest.fixture
def whale(fresh_host: FreshHost) -> DockerStage:
    """Return a host on which Podman cannot be found, and docker runs."""
    host = fresh_host("whale")
    host.run("mv", "/usr/bin/podman", "/usr/bin/podman.away")
    host.run("systemctl", "enable", "--now", "docker")
    return DockerStage(host)


def _told(stage: Stage, *argv: str, status: int = 0) -> list[tuple[str, str]]:
    """Run a verb; return the outcomes of services, without what tells one run from another."""
    said = json.loads(stage.beacon(*argv, "--json", status=status).stdout)
    return [(one["outcome"], re.sub(r"[0-9a-f]{12}", "DIGEST", one["detail"])) for one in said["services"]]


def tell_story(stage: Stage) -> list[str]:
    """Add, update, take a bad push back, go back by hand, remove; return all that was said."""
    said: list[object] = []
    image = stage.push(config=ImageConfig(labels={"io.beacon.update.settle": "400ms"})).tagged
    config = ImageConfig(labels={"io.beacon.update.settle": "400ms"})
    said.append(
        _told(stage, "add", "web", image, "--port", f"{stage.port('web')}:8080", "--volume", "data:/d")
    )
    assert stage.agrees() == "1"
    assert stage.beacon("plan").stdout == "nothing to do\n"
    stage.push(version="2", config=config)
    said.append(_told(stage, "update", "--check"))
    said.append(_told(stage, "update"))
    assert stage.agrees() == "2"
    for broken in ("exit", "unstartable"):
        stage.push(version=f"3 {broken}", config=config, broken=broken)
        said.append(_told(stage, "update", status=ROLLED_BACK)[0][0])
        assert stage.agrees() == "2"
        said.append(_told(stage, "update")[0][0])
    said.append(stage.beacon("rollback", "web").stdout)
    assert stage.agrees() == "1"
    said.append(stage.told())
    said.append(stage.beacon("rm", "web").stdout)
    return [re.sub(r"[0-9a-f]{12}", "DIGEST", str(one)) for one in said]


def test_the_story_is_the_same_as_with_podman(whale: DockerStage, stage: Stage) -> None:
    assert json.loads(whale.beacon("status", "--json").stdout)["engine"] == "docker"
    with_docker = tell_story(whale)
    assert json.loads(stage.beacon("status", "--json").stdout)["engine"] == "podman"
    assert with_docker == tell_story(stage)
    left = whale.host.run("find", "/etc/systemd/system", "-name", "beacon-web*").stdout
    assert left == ""
    assert whale.host.run("docker", "ps", "--all", "--quiet").stdout == ""
    assert whale.host.run("docker", "images", "--quiet").stdout == ""
    assert whale.host.run("docker", "volume", "ls", "--quiet").stdout == "beacon-web-data\n"


def test_a_health_check_holds_the_start_and_the_rollout(whale: DockerStage) -> None:
    config = ImageConfig(healthcheck=HEALTHCHECK)
    whale.push(config=config, broken="slow")
    whale.define()
    whale.apply()
    assert whale.running()["State"]["Health"]["Status"] == "healthy"
    whale.push(version="2", config=config, broken="unhealthy")
    ((outcome, detail),) = _told(whale, "update", status=ROLLED_BACK)
    assert (outcome, detail) == ("rolled_back", "its health check fails; release 1 is back")
    assert whale.running()["State"]["Health"]["Status"] == "healthy"


def test_what_a_service_says_is_in_the_journal_once_under_its_unit(whale: DockerStage) -> None:
    loud = ImageConfig(cmd=("sh", "-c", "echo a loud start; echo and an error >&2; exec /bin/web"))
    whale.push(config=loud)
    whale.define()
    whale.apply()
    whale.host.run("journalctl", "--sync")
    by_unit = whale.host.run("journalctl", "--unit=beacon-web", "--output=cat").stdout.splitlines()
    everything = whale.host.run("journalctl", "--output=cat").stdout.splitlines()
    for line in ("a loud start", "and an error"):
        assert by_unit.count(line) == 1
        assert everything.count(line) == 1
    whale.host.run("systemctl", "restart", "beacon-web")
    again = whale.host.run("journalctl", "--unit=beacon-web", "--output=json").stdout.splitlines()
    names = {json.loads(line)["SYSLOG_IDENTIFIER"] for line in again}
    assert names == {"beacon", "beacon-web", "systemd"}
    status = whale.host.run("systemctl", "status", "beacon-web", "beacon-web.slice").stdout
    assert "beacon-web.service; enabled" in status
    assert "httpd -f -p 8080" in status


@pytest.mark.parametrize("beacon", ["missing", "broken"])
def test_services_start_at_boot_without_beacon(whale: DockerStage, beacon: str) -> None:
    whale.push(config=ImageConfig(healthcheck=HEALTHCHECK))
    whale.define()
    whale.apply()
    whale.host.run("mv", "/usr/bin/beacon", "/usr/bin/beacon.away")
    if beacon == "broken":
        whale.host.write("/usr/bin/beacon", "#!/bin/sh\necho no such module >&2\nexit 1\n", 0o755)
    whale.host.power_cut()
    wait_until(lambda: whale.version() == "1", 30)
    assert whale.active() == "active"
    whale.host.run("docker", "kill", "beacon-web")
    wait_until(lambda: whale.version() == "1", 30)


def test_a_check_of_what_is_up_to_date_asks_docker_next_to_nothing(whale: DockerStage) -> None:
    names = [f"web{number}" for number in range(4)]
    whale.deploy(*names)
    trace = "/run/trace"
    whale.host.run("strace", "-f", "-qq", "-e", "trace=execve", "-o", trace, "beacon", "update", "--check")
    started = re.findall(r'execve\("[^"]*/docker"', whale.host.read(trace))
    assert len(started) <= 2


def test_a_unit_edited_by_hand_is_kept_and_a_drop_in_counts(whale: DockerStage) -> None:
    whale.deploy("web")
    whale.host.write(f"{UNIT}.d/own.conf", "[Service]\nNice=5\n")
    whale.push(version="2")
    assert whale.update() == {"web": "updated"}
    assert whale.show("beacon-web.service", "Nice") == {"Nice": "5"}
    whale.host.write(UNIT, whale.host.read(UNIT).replace("RestartSec=1s", "RestartSec=9s"))
    whale.push(version="3")
    assert whale.update() == {"web": "held"}
    assert whale.version() == "2"
    assert whale.apply("--overwrite") == {"web": "updated"}
    assert whale.agrees() == "2"


def test_a_daemon_that_is_down_is_no_fault_of_the_image(whale: DockerStage) -> None:
    whale.deploy("web")
    whale.push(version="2")
    whale.host.run("systemctl", "stop", "docker.socket", "docker")
    wait_until(lambda: whale.active() == "inactive")
    assert outcomes(whale.beacon("update", "--json")) == {"web": "stopped"}
    whale.beacon("start", "web")
    assert whale.update() == {"web": "updated"}
    assert whale.agrees() == "2"


def test_arguments_arrive_as_they_were_written(whale: DockerStage) -> None:
    words = ["a b", ";", "", "100% %n", "$HOME ${HOME} $$", "quotes \" ' \\", "end"]
    script = """for word in "$@"; do echo "<$word>"; done; exec /bin/web"""
    whale.push()
    whale.define(top=f"command = {json.dumps(['sh', '-c', script, 'sh', *words])}")
    whale.apply()
    said = whale.host.run("journalctl", "--unit=beacon-web", "--output=cat").stdout.splitlines()
    assert [line for line in said if line.startswith("<")] == [f"<{word}>" for word in words]


def test_the_timer_s_own_unit_updates_services(whale: DockerStage) -> None:
    whale.deploy("web")
    whale.push(version="2")
    whale.host.run("systemctl", "start", "beacon-update.service")
    assert whale.agrees() == "2"


def test_another_engine_is_refused_while_services_run_on_this_one(whale: DockerStage) -> None:
    whale.deploy("web")
    whale.push(version="2")
    whale.host.run("mv", "/usr/bin/podman.away", "/usr/bin/podman")
    assert json.loads(whale.beacon("status", "--json").stdout)["engine"] == "docker"
    whale.host.write("/etc/beacon/beacon.toml", 'engine = "podman"\n')
    for verb in (["apply"], ["update"], ["plan"], ["rollback", "web"]):
        refused = whale.beacon(*verb, status=None)
        assert refused.returncode != 0
        assert "run on docker, and their data is there" in refused.stderr
    assert whale.version() == "1"
    whale.host.write("/etc/beacon/beacon.toml", 'engine = "auto"\n')
    assert whale.update() == {"web": "updated"}
    assert whale.agrees() == "2"


def test_units_can_be_shown_for_any_machine_anywhere(host: LabHost) -> None:
    stage = Stage(host)
    stage.push()
    stage.define()
    rendered = json.loads(stage.beacon("render", "--engine", "docker", "--json").stdout)["files"]
    assert set(rendered) == {"beacon-web.service", "beacon-web.slice"}
    old = json.loads(stage.beacon("render", "--podman-version", "4.3.1", "--json").stdout)["files"]
    assert set(old) == {"beacon-web.service"}
    assert "--sdnotify=conmon" in old["beacon-web.service"]
    stage.beacon("render", "--engine", "docker", "--check")
