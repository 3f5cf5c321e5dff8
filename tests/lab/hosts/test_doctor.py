"""beacon doctor on hosts on which things really are wrong: the finding, its remedy, the exit status."""

from __future__ import annotations

import json
import shlex
import time
from subprocess import CompletedProcess
from typing import Any, NamedTuple

import pytest

from beacon.units.mark import stamp
from tests.lab.conftest import FreshHost
from tests.lab.faulty_registry import FaultyRegistry, Login
from tests.lab.host import LabHost, wait_until
from tests.lab.stage import REGISTRY, Stage
from tests.lab.stores import PASSWORD, LabRedis

OK, WARNING, ERROR = 0, 30, 31
QUADLETS = "/etc/containers/systemd"
LASTING = "/root/.config/containers/auth.json"
TIMER = "beacon-update.timer"


class Found(NamedTuple):
    """A finding, as JSON has it."""

    check: str
    severity: str
    what: str
    why: str | None
    mend: str | None
    fix: str | None


def read(done: CompletedProcess[str], status: int) -> list[Found]:
    """Return what the doctor found, the exit status checked."""
    assert done.returncode == status, done.stdout + done.stderr
    assert done.stderr == ""
    body: dict[str, Any] = json.loads(done.stdout)
    assert body["version"] == 1
    return [Found(**finding) for finding in body["findings"]]


def examine(host: LabHost, status: int, **env: str) -> list[Found]:
    """Run the doctor by its whole path, as one does who knows of other programs of its name."""
    return read(host.run("/usr/bin/beacon", "doctor", "--json", env=env, check=False), status)


def wrong(found: list[Found]) -> set[str]:
    """Return the checks that found something wrong."""
    return {one.check for one in found if one.severity in {"warning", "error"}}


def the(found: list[Found], check: str, part: str) -> Found:
    """Return the one finding of a check that says *part*."""
    fitting = [one for one in found if one.check == check and part in one.what]
    assert len(fitting) == 1, (part, [one for one in found if one.check == check])
    return fitting[0]


def follow(host: LabHost, one: Found) -> None:
    """Do what a finding says."""
    assert one.mend is not None
    host.run(*shlex.split(one.mend))


@pytest.fixture
def web(stage: Stage) -> Stage:
    """Return a stage with a service web at its second release, and the timer on."""
    stage.deploy("web")
    stage.push(version="2")
    stage.update()
    stage.host.run("systemctl", "enable", "--now", TIMER)
    return stage


def test_a_machine_in_order_is_told_to_be_and_quickly(web: Stage) -> None:
    began = time.monotonic()
    done = web.beacon("doctor", "--all")
    assert time.monotonic() - began < 5
    assert "podman 5." in done.stdout
    assert "registry.example:5000 answered for 1 image" in done.stdout
    assert "the images of 2 releases are on disk" in done.stdout
    short = web.beacon("doctor").stdout
    assert "podman 5." not in short
    assert " ok" in short.splitlines()[-1]
    assert wrong(examine(web.host, OK)) == set()
    web.host.run("systemctl", "disable", "--now", TIMER)
    off = the(examine(web.host, WARNING), "timer", "is not enabled")
    follow(web.host, off)
    assert wrong(examine(web.host, OK)) == set()


def test_what_is_wrong_with_files_and_definitions_is_found_and_mended(web: Stage) -> None:
    host = web.host
    unit = f"{QUADLETS}/beacon-web.container"
    host.write(unit, host.read(unit).replace("RestartSec=1s", "RestartSec=9s"))
    host.write(f"{unit}.d/own.conf", "[Container]\nReloadCmd=true\n")
    host.write(f"{QUADLETS}/beacon-old.container.d/own.conf", "[Service]\nNice=5\n")
    host.write(f"{QUADLETS}/beacon-lost.container", stamp("[Container]\nImage=x.example/y\n", "service lost"))
    host.write("/etc/beacon/services/other.toml", 'image = "nginx"\n')
    cut_off = "/etc/beacon/services/.beacon.web.toml.abcd_123"
    host.write(cut_off, "image")
    host.run("touch", "--date=-1 hour", cut_off)
    host.write("/usr/local/bin/beacon", "#!/bin/sh\necho morse\n", 0o755)
    host.write("/etc/beacon/beacon.toml", 'engin = "podman"\n')

    found = examine(host, ERROR)
    key = the(found, "quadlet", "does not know the key ReloadCmd")
    assert key.severity == "error"
    assert "needs Podman 5.5" in key.what
    edited = the(found, "unit-file", "beacon-web.container was changed by hand")
    assert edited.severity == "warning"
    assert (edited.mend or "").endswith("beacon apply --overwrite web")
    assert the(found, "definition", "other.toml: image").mend == "beacon edit other"
    assert the(found, "settings", "engin: unknown key").severity == "error"
    other = the(found, "command", "/usr/local/bin/beacon comes before /usr/bin/beacon in your PATH")
    assert other.severity == "warning"
    assert "beacon apply" in (the(found, "leftover", "beacon-lost.container").mend or "")
    drop_in = the(found, "leftover", "beacon-old.container.d is a drop-in folder")
    assert drop_in.severity == "info"
    unfinished = the(found, "leftover", cut_off)
    assert unfinished.severity == "info"
    for one in (drop_in, unfinished):
        follow(host, one)

    host.run("rm", "/usr/local/bin/beacon", "/etc/beacon/beacon.toml", "/etc/beacon/services/other.toml")
    host.run("rm", "-r", f"{unit}.d")
    web.beacon("apply", "--overwrite")
    found = examine(host, OK)
    assert not [one for one in found if one.check in {"leftover", "unit-file"} and one.severity != "ok"]


def test_what_stays_behind_in_engine_and_state_is_found_and_mended(web: Stage) -> None:
    host = web.host
    web.deploy("api", version="7")
    host.run("rm", "/etc/beacon/services/api.toml")
    before = web.state()["releases"][0]
    host.run("podman", "rmi", "--force", before["image"]["image_id"].removeprefix("sha256:"))
    label = ("--label", "io.beacon.service=lost")
    image = host.run("podman", "images", "--quiet", "--filter", "reference=localhost/beacon/web").stdout
    host.run("podman", "create", "--name=beacon-lost", *label, image.split()[0], "true")
    host.run("podman", "tag", image.split()[0], "localhost/beacon/lost:3")
    host.run("podman", "volume", "create", *label, "beacon-lost-data")
    state = web.state()
    state["rollout"] = {"release": 2, "previous": 1, "phase": "gating", "started": "2026-11-21T00:00:00Z"}
    host.write("/var/lib/beacon/services/web.json", json.dumps(state), 0o600)

    found = examine(host, WARNING)
    back = the(found, "image", "web cannot go back: the image of release 1")
    assert back.mend == f"podman pull {REGISTRY}/me/web@{before['digest']}"
    undefined = the(found, "leftover", "api has no definition any more")
    container = the(found, "container", "containers of services that are gone: beacon-lost")
    images = the(found, "container", "localhost/beacon/lost:3")
    assert [one.severity for one in (undefined, container, images)] == ["warning", "warning", "info"]
    assert the(found, "container", "beacon-lost-data").severity == "info"
    rollout = the(found, "rollout", "the rollout of web to release 2 was cut off at the step gating")

    # Without a fork: /proc/locks tells of a lock within a container as long as who took it lives.
    with host.start("flock", "--no-fork", "/run/beacon/web.lock", "sleep", "30") as holder:
        wait_until(lambda: "rollout" not in wrong(examine(host, WARNING)))
        host.kill(holder)
    for one in (back, undefined, container, images, rollout):
        follow(host, one)
    assert wrong(examine(host, OK)) == set()


def test_another_updater_and_a_failed_run_of_the_timer_are_found(web: Stage) -> None:
    host = web.host
    host.run("systemctl", "enable", "--now", "podman-auto-update.timer")
    assert the(examine(host, OK), "auto-update", "is on").severity == "info"
    web.define(more='[labels]\n"io.containers.autoupdate" = "registry"')
    web.apply()
    web.push(version="3", broken="exit")
    host.run("systemctl", "start", "beacon-update.service", check=False)
    found = examine(host, WARNING)
    assert the(found, "timer", "failed: exit status 20").mend == "journalctl -u beacon-update.service -n 50"
    both = the(found, "auto-update", "and web carry its label")
    assert both.severity == "warning"
    follow(host, both)
    assert the(examine(host, WARNING), "auto-update", "whose timer is off").severity == "info"


def test_a_login_that_the_timer_or_the_next_boot_will_not_find(
    stage: Stage, faulty_registry: FaultyRegistry
) -> None:
    host = stage.host
    host.run("systemctl", "enable", "--now", TIMER)
    registry = faulty_registry.address
    stage.push()
    stage.define(image=f"{registry}/me/web:latest")
    faulty_registry.login = Login(accounts={"me": "secret"}, anonymous=False)
    needed = the(examine(host, ERROR), "registry", "wants a login")
    assert needed.mend == f"check the name, or log in: beacon login {registry}"

    session = {"XDG_RUNTIME_DIR": "/run/user/0"}
    host.run("mkdir", "-p", "/run/user/0")
    log_in = ("podman", "login", "--username=me", "--password=secret")
    host.run(*log_in, registry, env=session)
    unseen = the(examine(host, WARNING, **session), "login", "the timer does not see the login")
    assert "/run/user/0/containers/auth.json" in unseen.what
    unused = the(examine(host, ERROR), "login", "is not used")
    host.run("rm", "/run/user/0/containers/auth.json")

    host.run(*log_in, registry)
    lost = the(examine(host, WARNING), "login", "is gone after a reboot")
    assert "/run/containers/0/auth.json is in memory only" in lost.what
    assert lost.mend == unseen.mend == unused.mend == f"beacon login {registry}"
    host.run(*shlex.split(lost.mend or ""), "--username=me", "--password-stdin", input="secret")
    assert wrong(examine(host, OK)) == set()
    assert wrong(examine(host, OK, **session)) == set()
    stage.apply()
    stage.push(version="2")
    host.run("systemctl", "start", "beacon-update.service")
    assert stage.agrees() == "2"
    host.run("rm", LASTING)


HELPER = """#!/bin/sh
mkdir -p $HOME/.cache/helper && : > $HOME/.cache/helper/log || exit 1
echo '{"Username": "me", "Secret": "secret"}'
"""


def test_a_credential_helper_that_works_by_hand_alone(stage: Stage, faulty_registry: FaultyRegistry) -> None:
    """F13: it writes to a cache in HOME, which the timer's unit may only read."""
    host, registry = stage.host, faulty_registry.address
    host.run("systemctl", "enable", "--now", TIMER)
    stage.push()
    stage.define(image=f"{registry}/me/web:latest")
    faulty_registry.login = Login(accounts={"me": "secret"}, anonymous=False)
    host.write("/usr/local/bin/docker-credential-odd", HELPER, 0o755)
    host.write(LASTING, json.dumps({"credHelpers": {registry: "odd"}}))
    stage.apply()
    found = examine(host, ERROR)
    one = the(found, "login", "as the timer's unit runs it, 'docker-credential-odd' gave no login")
    assert "systemctl edit beacon-update.service" in (one.mend or "")
    assert "registry" in wrong(found)
    drop_in = "/etc/systemd/system/beacon-update.service.d/helper.conf"
    host.write(drop_in, "[Service]\nReadWritePaths=-/root/.cache\n")
    host.run("systemctl", "daemon-reload")
    assert wrong(examine(host, OK)) == set()
    stage.push(version="2")
    host.run("systemctl", "start", "beacon-update.service")
    assert stage.agrees() == "2"
    host.run("rm", drop_in, LASTING, "/usr/local/bin/docker-credential-odd")
    host.run("systemctl", "daemon-reload")


def test_rules_of_the_firewall_that_were_flushed(web: Stage) -> None:
    """F11: published ports are dead, and nothing is wrong with the container."""
    host = web.host
    assert "published" not in wrong(examine(host, OK))
    host.run("nft", "flush", "ruleset")
    dead = the(examine(host, ERROR), "published", "published ports are dead")
    assert f":{web.port('web')} of web" in dead.what
    follow(host, dead)
    assert wrong(examine(host, OK)) == set()
    assert web.agrees() == "2"


def test_what_an_ordinary_user_lacks_and_what_cannot_be_seen_is_told(host: LabHost) -> None:
    host.run("systemctl", "start", "network-online.target")
    owner = host.add_user("owner")
    assert wrong(read(owner.run("beacon", "doctor", "--json", check=False), OK)) == set()
    host.write("/home/owner/.config/beacon/services/web.toml", _low_port())
    host.run("sed", "-i", "/^owner:/d", "/etc/subuid")
    host.run("rm", "/var/lib/systemd/linger/owner")
    found = read(host.run("beacon", "--user=owner", "doctor", "--json", check=False), ERROR)
    linger = the(found, "account", "owner does not linger")
    assert (linger.severity, linger.mend) == ("warning", "sudo loginctl enable-linger owner")
    assert "--add-subuids" in (the(found, "account", "no range in /etc/subuid").mend or "")
    assert "port_start=80" in (the(found, "ports", "publishes port 80").mend or "")

    host.run("useradd", "--create-home", "visitor")
    visitor = host.run("beacon", "--user=visitor", "doctor", check=False)
    assert visitor.returncode == ERROR
    assert "no service manager runs for visitor" in visitor.stdout
    assert "could not be looked at: engine, quadlet, " in visitor.stdout
    assert visitor.stderr == ""


def _low_port() -> str:
    return f'image = "{REGISTRY}/me/web"\n[[port]]\nhost = 80\ncontainer = 80\n[update]\nfollow = "pinned"\n'


def test_stores_that_are_not_told_of_the_endpoints_are_found_and_mended(web: Stage) -> None:
    redis = LabRedis(web.host)
    redis.start()
    web.write("/etc/beacon/beacon.toml", f'[publish.redis]\npassword = "{PASSWORD}"\n')
    off = the(examine(web.host, WARNING), "publishing", "beacon-endpoints.service is inactive")
    follow(web.host, off)
    assert the(examine(web.host, OK), "publishing", "1 store told of the endpoints").severity == "ok"
    redis.stop()
    away = the(examine(web.host, ERROR), "publishing", "cannot reach redis://localhost:6379/0")
    assert away.severity == "error"
    redis.start()
    web.beacon("endpoint", "publish", "--disable")
    redis.stop()


def test_without_root_it_says_what_it_could_not_look_at(web: Stage) -> None:
    nobody = ("setpriv", "--reuid=65534", "--clear-groups", "env", "HOME=/var/tmp")
    found = read(web.host.run(*nobody, "beacon", "--system", "doctor", "--json", check=False), OK)
    unseen = {one.check for one in found if one.what == "could not be looked at"}
    rest = {"auto-update", "container", "endpoint", "following", "image", "rollout", "service", "start"}
    assert unseen == rest | {"volume"}
    assert {one.mend for one in found if one.check in unseen} == {"sudo beacon doctor"}
    assert the(found, "definition", "1 definition without a fault").severity == "ok"


def test_docker_that_was_stopped_and_services_that_went_down_with_it(fresh_host: FreshHost) -> None:
    host = fresh_host("docked")
    host.run("mv", "/usr/bin/podman", "/usr/bin/podman.away")
    host.run("systemctl", "enable", "--now", "docker", TIMER)
    stage = Stage(host)
    stage.deploy("web")
    assert wrong(examine(host, OK)) == set()

    host.run("systemctl", "stop", "docker.socket", "docker")
    down = the(examine(host, ERROR), "docker", "docker's daemon does not answer")
    assert down.mend == "systemctl start docker beacon-web"
    host.run("systemctl", "start", "docker")
    left = the(examine(host, ERROR), "docker", "down since docker was stopped: web")
    follow(host, left)
    assert wrong(examine(host, OK)) == set()

    host.run("mv", "/usr/bin/podman.away", "/usr/bin/podman")
    host.write("/etc/beacon/beacon.toml", 'engine = "podman"\n')
    found = examine(host, WARNING)
    assert the(found, "engine", "web: still on docker, and podman is chosen").mend == "beacon apply web"
    let_through = the(found, "engine", "docker's firewall drops what comes to Podman's containers")
    assert "DOCKER-USER" in (let_through.mend or "")
    host.run("rm", "/etc/beacon/beacon.toml")
    host.run("mv", "/usr/bin/podman", "/usr/bin/podman.away")

    host.run("mv", "/usr/bin/docker-init", "/usr/bin/docker-init.away")
    init = the(examine(host, ERROR), "init", "docker-init is missing, which web start with")
    assert init.mend == "apt install tini"
    host.run("mv", "/usr/bin/docker", "/usr/bin/docker.away")
    none = the(examine(host, ERROR), "engine", "neither podman nor docker is installed")
    assert none.mend == "apt install podman"


def test_a_disk_without_room_for_images(fresh_host: FreshHost) -> None:
    host = fresh_host()
    host.run("mount", "-t", "tmpfs", "-o", "size=64M", "tmpfs", "/var/lib/containers")
    full = the(examine(host, ERROR), "disk", "/var/lib/containers/storage, for images")
    assert (full.severity, full.mend) == ("error", "podman image prune --all")


def test_a_folder_of_images_that_the_timer_may_not_write(fresh_host: FreshHost) -> None:
    host = fresh_host()
    text = '[storage]\ndriver = "overlay"\ngraphroot = "/home/images"\nrunroot = "/run/containers/storage"\n'
    host.write("/etc/containers/storage.conf", text)
    barred = the(examine(host, ERROR), "disk", "beacon-update.service may not write /home/images")
    assert barred.mend == "ReadWritePaths=/home/images in [Service], by systemctl edit beacon-update"
    host.write(
        "/etc/systemd/system/beacon-update.service.d/override.conf",
        "[Service]\nReadWritePaths=/home/images\n",
    )
    host.run("systemctl", "daemon-reload")
    assert "may not write" not in host.run("beacon", "doctor", "--all", check=False).stdout
