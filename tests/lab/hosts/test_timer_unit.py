"""The timer and its service: they fire, are confined, fail when something went wrong, and leave nothing."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable

import pytest

from beacon.model.event import EventKind
from tests.lab import images
from tests.lab.faulty_registry import FaultyRegistry, Hang
from tests.lab.host import LabHost, wait_until
from tests.lab.images import ImageConfig, Pushed
from tests.lab.stage import Stage

WEB = "registry.example:5000/me/web"
TIMER_DROP_IN = "/etc/systemd/system/beacon-update.timer.d/often.conf"
SERVICE = "beacon-update.service"
STATE = "/var/lib/beacon/services/web.json"
EXPOSURE_CEILING = 4.0
QUICK = ImageConfig(labels={"io.beacon.update.settle": "1s"})
SLOW = ImageConfig(labels={"io.beacon.update.settle": "8s"})

FreshHost = Callable[..., LabHost]
Push = Callable[..., Pushed]


@pytest.fixture
def began() -> str:
    """Return when the test began, as journalctl wants it: the host is shared."""
    return f"@{time.time():.3f}"


def test_the_timer_brings_a_push_live_and_leaves_no_process(host: LabHost, push: Push, began: str) -> None:
    add_web(host, push)
    fire(host, "*:*:0/2")
    push(WEB, version="2", config=QUICK)
    wait_until(lambda: version(host) == "2", 20)
    wait_until(lambda: "Finished" in journal(host, SERVICE, began))
    host.run("systemctl", "stop", "beacon-update.timer")
    wait_until(lambda: unit(host, SERVICE, "ActiveState") == "inactive")
    assert host.run("pgrep", "--full", "/usr/bin/beacon", check=False).stdout == ""
    assert unit(host, SERVICE, "MainPID") == "0"
    assert unit(host, SERVICE, "Result") == "success"


def test_the_timer_fires_every_five_minutes_at_a_moment_of_the_machine_s_own(host: LabHost) -> None:
    host.run("systemctl", "start", "beacon-update.timer")
    shown = host.run("systemctl", "show", "beacon-update.timer").stdout
    values = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    assert "OnCalendar=*-*-* *:00/5:00" in values["TimersCalendar"]
    assert (values["Persistent"], values["FixedRandomDelay"]) == ("yes", "yes")
    assert values["RandomizedDelayUSec"] == "3min"
    assert unit(host, SERVICE, "ActiveState") == "inactive"


def test_without_services_nothing_is_started(host: LabHost) -> None:
    host.run("systemctl", "start", SERVICE)
    assert unit(host, SERVICE, "ConditionResult") == "no"


def test_a_bad_image_fails_the_run_that_tried_it_and_no_other(host: LabHost, push: Push, began: str) -> None:
    add_web(host, push)
    bad = push(WEB, broken="exit", config=QUICK)
    assert host.run("systemctl", "start", SERVICE, check=False).returncode == 1
    assert (unit(host, SERVICE, "Result"), unit(host, SERVICE, "ExecMainStatus")) == ("exit-code", "20")
    assert version(host) == "1"

    host.run("systemctl", "start", SERVICE)
    assert unit(host, SERVICE, "Result") == "success"
    assert "quarantined" in host.run("beacon", "status").stdout

    logged = journal(host, "beacon-web", began, "--catalog")
    assert "failed and was rolled back" in logged
    assert "beacon update --retry web" in logged
    assert "this image is broken" in logged
    (entry,) = entries(host, "rolled-back", began)
    assert entry["BEACON_SERVICE"] == "web"
    assert entry["BEACON_DIGEST"] == bad.digest
    assert entry["MESSAGE_ID"] == EventKind.ROLLED_BACK.message_id
    assert entry["PRIORITY"] == "3"
    assert entry["OBJECT_SYSTEMD_UNIT"] == "beacon-web.service"


def test_a_deferred_update_is_no_failure(host: LabHost, push: Push, began: str) -> None:
    add_web(host, push)
    definition = "/etc/beacon/services/web.toml"
    host.write(definition, host.read(definition) + '\n[update]\nmin_age = "1d"\n', 0o600)
    host.run("beacon", "apply", "web")
    push(WEB, version="2", config=QUICK)
    fire(host, "*-01-01")  # systemd forgets how a service ended when nothing refers to it
    host.run("systemctl", "start", SERVICE)
    assert (unit(host, SERVICE, "Result"), unit(host, SERVICE, "ExecMainStatus")) == ("success", "75")
    assert version(host) == "1"
    host.run("systemctl", "start", SERVICE)
    assert len(entries(host, "deferred", began)) == 1


def test_a_registry_that_cannot_be_asked_fails_the_run(
    host: LabHost, push: Push, faulty_registry: FaultyRegistry, began: str
) -> None:
    push(WEB, config=QUICK)
    host.run("beacon", "add", "web", f"{faulty_registry.address}/me/web:latest")
    host.write("/etc/beacon/beacon.toml", '[registry]\ndeadline = "1s"\n')
    faulty_registry.when("", Hang())
    for _ in range(2):
        assert host.run("systemctl", "start", SERVICE, check=False).returncode == 1
        assert unit(host, SERVICE, "ExecMainStatus") == "69"
    faulty_registry.reset()
    faulty_registry.release()
    assert len(entries(host, "could-not-check", began)) == 1
    host.run("systemctl", "start", SERVICE)
    assert unit(host, SERVICE, "Result") == "success"


def test_the_service_is_confined(host: LabHost) -> None:
    said = host.run("systemd-analyze", "security", "--no-pager", SERVICE).stdout
    match = re.search(r"Overall exposure level for beacon-update.service: ([\d.]+)", said)
    assert match
    assert float(match[1]) <= EXPOSURE_CEILING


def test_confined_it_unpacks_what_images_hold(host: LabHost, push: Push) -> None:
    add_web(host, push)
    host.run("bash", "-euc", _ODD_IMAGE.format(image=f"{WEB}:latest"))
    host.run("systemctl", "start", SERVICE)
    assert unit(host, SERVICE, "Result") == "success"
    inside = ("podman", "exec", "beacon-web", "stat", "-c", "%a %u:%g %F")
    assert host.run(*inside, "/bin/su").stdout.strip() == "4755 0:0 regular file"
    assert host.run(*inside, "/shared").stdout.strip() == "2775 1234:1234 directory"
    assert "character special" in host.run(*inside, "/odd/null").stdout
    mounted = host.run("podman", "mount", "beacon-web").stdout.strip()
    assert "cap_net_raw" in host.run("getcap", f"{mounted}/bin/capped").stdout


def test_a_hook_is_not_confined_and_its_no_stops_the_rollout(host: LabHost, push: Push, began: str) -> None:
    add_web(host, push)
    push(WEB, version="2", config=QUICK)
    dump = '["sh", "-c", "podman exec beacon-web cat /www/version >/etc/$BEACON_SERVICE.$BEACON_RELEASE"]'
    definition = "/etc/beacon/services/web.toml"
    plain, started = host.read(definition), unit(host, "beacon-web", "InvocationID")
    host.write(definition, f"{plain}\n[hooks]\nbefore_update = \"sh -c 'echo not now >&2; exit 3'\"\n", 0o600)
    assert "needs no restart" in host.run("beacon", "apply", "web").stdout
    assert unit(host, "beacon-web", "InvocationID") == started
    host.run("systemctl", "start", SERVICE)
    assert version(host) == "1"
    (entry,) = entries(host, "deferred", began)
    assert "sh exited with status 3: not now" in entry["MESSAGE"]

    host.write(definition, f"{plain}\n[hooks]\nbefore_update = {dump}\n", 0o600)
    host.run("beacon", "apply", "web")
    host.run("systemctl", "start", SERVICE)
    assert version(host) == "2"
    assert host.read("/etc/web.2").strip() == "1"
    host.run("rm", "/etc/web.2")


def test_a_power_cut_in_a_rollout_is_made_good_after_boot(fresh_host: FreshHost, began: str) -> None:
    host = fresh_host("cut")
    images.push(host, WEB, version="1", config=QUICK)
    host.run("beacon", "add", "web", f"{WEB}:latest", "--port", "127.0.0.1:8080:8080")
    host.run("systemctl", "enable", "beacon-update.timer")
    fire(host, "*:*:0/5")
    images.push(host, WEB, version="2", config=SLOW)
    wait_until(lambda: Stage(host).step() == "gate", 20)
    host.power_cut()
    wait_until(lambda: entries(host, "resumed", began), 20)
    wait_until(lambda: '"rollout": null' in host.read(STATE), 20)
    assert version(host) == "2"


def test_a_user_s_own_timer_follows_the_user_s_images(host: LabHost, push: Push) -> None:
    owner = host.add_user("owner")
    assert (
        owner.run("systemctl", "--user", "is-enabled", "beacon-update.timer", check=False).stdout
        == "disabled\n"
    )
    push(WEB, version="1", config=QUICK)
    host.run("systemctl", "start", "network-online.target")
    owner.run("beacon", "add", "web", f"{WEB}:latest", "--port", "127.0.0.1:8080:8080")
    push(WEB, version="2", config=QUICK)
    often = "[Timer]\nOnCalendar=\nOnCalendar=*:*:0/2\nRandomizedDelaySec=0\nAccuracySec=100ms\n"
    host.write(f"{owner.home}/.config/systemd/user/beacon-update.timer.d/often.conf", often)
    host.run("chown", "--recursive", "owner:", owner.home)
    owner.run("systemctl", "--user", "daemon-reload")
    owner.run("systemctl", "--user", "enable", "--now", "beacon-update.timer")
    wait_until(lambda: version(host) == "2", 30)


def add_web(host: LabHost, push: Push) -> None:
    """Add a service that settles quickly."""
    push(WEB, version="1", config=QUICK)
    host.run("beacon", "add", "web", f"{WEB}:latest", "--port", "127.0.0.1:8080:8080")


def fire(host: LabHost, calendar: str) -> None:
    """Have the timer fire so, without the machine's own delay."""
    host.write(
        TIMER_DROP_IN,
        f"[Timer]\nOnCalendar=\nOnCalendar={calendar}\nRandomizedDelaySec=0\nAccuracySec=100ms\n",
    )
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "restart", "beacon-update.timer")


def unit(host: LabHost, name: str, property_: str) -> str:
    """Return a property of a unit."""
    return host.run("systemctl", "show", f"--property={property_}", "--value", name).stdout.strip()


def journal(host: LabHost, name: str, since: str, *options: str) -> str:
    """Return what the journal has of a unit."""
    return host.run("journalctl", "--unit", name, "--since", since, *options).stdout


def entries(host: LabHost, event: str, since: str) -> list[dict[str, str]]:
    """Return the entries of an event that `journalctl -u beacon-web` shows."""
    said = journal(host, "beacon-web", since, f"BEACON_EVENT={event}", "--output=json")
    return [json.loads(line) for line in said.splitlines()]


def version(host: LabHost) -> str:
    """Return what is served on port 8080, or nothing."""
    url = "http://127.0.0.1:8080/version"
    return host.run("curl", "--silent", "--max-time", "1", url, check=False).stdout.strip()


_ODD_IMAGE = """\
cd "$(mktemp -d)"
container=$(podman create {image})
podman export "$container" | tar --extract
podman rm "$container" >/dev/null
cp --remove-destination bin/busybox bin/su && chmod 4755 bin/su
cp --remove-destination bin/busybox bin/capped && setcap cap_net_raw+ep bin/capped
mkdir odd shared && mknod odd/null c 1 3
chown 1234:1234 shared && chmod 2775 shared
tar --create --xattrs --xattrs-include='*' . | podman import --quiet --change 'CMD ["/bin/web"]' \
    --change 'ENV PATH=/bin' --change 'LABEL io.beacon.update.settle=1s' - {image}
podman push --quiet {image}
podman rmi --force {image} >/dev/null
rm -r "$PWD"
"""
