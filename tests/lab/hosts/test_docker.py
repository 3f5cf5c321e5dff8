"""What docker does in ways of its own, on a host without Podman; the scenarios are told there as well."""

from __future__ import annotations

import json
import re

import pytest

from tests.lab.host import wait_until
from tests.lab.images import ImageConfig
from tests.lab.kinds import DOCKER, Kind
from tests.lab.stage import Stage, outcomes

ROLLED_BACK = 20
UNIT = "/etc/systemd/system/beacon-web.service"
HEALTHCHECK = {
    "Test": ["CMD", "wget", "-qO-", "localhost:8080"],
    "Interval": 10**9,
    "Timeout": 10**9,
    "Retries": 6,
}


@pytest.fixture
def kind() -> Kind:
    """Return the kind of the shared host here."""
    return DOCKER


@pytest.fixture
def whale(stage: Stage) -> Stage:
    """Return the shared host on which Podman cannot be found, and docker runs, as a stage."""
    return stage


def test_a_health_check_holds_the_start_and_the_rollout(whale: Stage) -> None:
    config = ImageConfig(healthcheck=HEALTHCHECK)
    whale.push(config=config, broken="slow")
    whale.define()
    whale.apply()
    assert whale.running()["State"]["Health"]["Status"] == "healthy"
    whale.push(version="2", config=config, broken="unhealthy")
    (said,) = json.loads(whale.beacon("update", "--json", status=ROLLED_BACK).stdout)["services"]
    assert said["outcome"] == "rolled_back"
    assert said["detail"] == "its health check fails; release 1 is back"
    assert whale.running()["State"]["Health"]["Status"] == "healthy"


def test_docker_s_own_arguments_and_directives_count(whale: Stage) -> None:
    whale.push()
    raw = '[docker]\nargs = ["--label=owner=me"]\nunit = { Documentation = "https://example.org/web" }'
    whale.define(more=f"{raw}\nservice = {{ Nice = 5 }}\n[podman]\nargs = ['--label=owner=nobody']")
    whale.apply()
    assert whale.running()["Config"]["Labels"]["owner"] == "me"
    shown = whale.show("beacon-web", "Nice", "Documentation")
    assert shown["Nice"] == "5"
    assert "https://example.org/web" in shown["Documentation"]


def test_what_a_service_says_is_in_the_journal_once_under_its_unit(whale: Stage) -> None:
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
def test_services_start_at_boot_without_beacon(whale: Stage, beacon: str) -> None:
    whale.push(config=ImageConfig(healthcheck=HEALTHCHECK))
    whale.define()
    whale.apply()
    whale.host.run("mv", "/usr/bin/beacon", "/usr/bin/beacon.away")
    try:
        if beacon == "broken":
            whale.host.write("/usr/bin/beacon", "#!/bin/sh\necho no such module >&2\nexit 1\n", 0o755)
        whale.host.power_cut()
        wait_until(lambda: whale.version() == "1", 30)
        assert whale.active() == "active"
        whale.engine("kill", "beacon-web")
        wait_until(lambda: whale.version() == "1", 30)
    finally:
        whale.host.run("mv", "/usr/bin/beacon.away", "/usr/bin/beacon")


def test_a_check_of_what_is_up_to_date_asks_docker_next_to_nothing(whale: Stage) -> None:
    names = [f"web{number}" for number in range(4)]
    whale.deploy(*names)
    trace = "/run/trace"
    whale.host.run("strace", "-f", "-qq", "-e", "trace=execve", "-o", trace, "beacon", "update", "--check")
    started = re.findall(r'execve\("[^"]*/docker"', whale.host.read(trace))
    assert len(started) <= 2


def test_a_unit_edited_by_hand_is_kept_and_a_drop_in_counts(whale: Stage) -> None:
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


def test_a_daemon_that_is_down_is_no_fault_of_the_image(whale: Stage) -> None:
    whale.deploy("web")
    whale.push(version="2")
    whale.host.run("systemctl", "stop", "docker.socket", "docker")
    wait_until(lambda: whale.active() == "inactive")
    assert outcomes(whale.beacon("update", "--json")) == {"web": "stopped"}
    whale.beacon("start", "web")
    assert whale.update() == {"web": "updated"}
    assert whale.agrees() == "2"


def test_arguments_arrive_as_they_were_written(whale: Stage) -> None:
    words = ["a b", ";", "", "100% %n", "$HOME ${HOME} $$", "quotes \" ' \\", "end"]
    script = """for word in "$@"; do echo "<$word>"; done; exec /bin/web"""
    whale.push()
    whale.define(top=f"command = {json.dumps(['sh', '-c', script, 'sh', *words])}")
    whale.apply()
    said = whale.host.run("journalctl", "--unit=beacon-web", "--output=cat").stdout.splitlines()
    assert [line for line in said if line.startswith("<")] == [f"<{word}>" for word in words]


def test_the_timer_s_own_unit_updates_services(whale: Stage) -> None:
    whale.deploy("web")
    whale.push(version="2")
    whale.host.run("systemctl", "start", "beacon-update.service")
    assert whale.agrees() == "2"


def test_a_machine_that_gets_podman_as_well_stays_with_docker(whale: Stage) -> None:
    whale.deploy("web")
    whale.push(version="2")
    whale.host.run("mv", "/usr/bin/podman.away", "/usr/bin/podman")
    try:
        assert json.loads(whale.beacon("status", "--json").stdout)["engine"] == "docker"
        assert whale.update() == {"web": "updated"}
        assert whale.agrees() == "2"
    finally:
        whale.host.run("mv", "/usr/bin/podman", "/usr/bin/podman.away")


def test_units_can_be_shown_for_any_machine_anywhere(stage: Stage) -> None:
    stage.push()
    stage.define()
    rendered = json.loads(stage.beacon("render", "--engine", "docker", "--json").stdout)["files"]
    assert set(rendered) == {"beacon-web.service", "beacon-web.slice"}
    old = json.loads(stage.beacon("render", "--podman-version", "4.3.1", "--json").stdout)["files"]
    assert set(old) == {"beacon-web.service"}
    assert "--sdnotify=ignore" in old["beacon-web.service"]
    stage.beacon("render", "--engine", "docker", "--check")
