"""Services of ordinary users: the same verbs and words, without root."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.lab.conftest import Push
from tests.lab.host import LabHost, LabUser
from tests.lab.images import ImageConfig

WEB = "registry.example:5000/me/web"
QUICK = ImageConfig(labels={"io.beacon.update.settle": "1s"})

MakeUser = Callable[[str], LabUser]


@pytest.fixture
def make_user(host: LabHost) -> MakeUser:
    """Return a way to make users whose services run without a login, on a machine that is on the network."""
    host.run("systemctl", "start", "network-online.target")
    return host.add_user


def answer(host: LabHost, port: int) -> str:
    """Return the version that is answered with."""
    return host.run(
        "curl", "-s", "--max-time", "5", f"http://127.0.0.1:{port}/version", check=False
    ).stdout.strip()


def test_a_user_s_service_follows_its_image_and_survives_a_bad_one(
    host: LabHost, push: Push, make_user: MakeUser
) -> None:
    owner = make_user("owner")
    image = push(WEB, version="1", config=QUICK)
    added = owner.run("beacon", "add", "web", image.tagged, "--port", "127.0.0.1:8080:8080")
    assert "release 1" in added.stdout
    assert answer(host, 8080) == "1"
    assert owner.run("systemctl", "--user", "is-active", "beacon-web").stdout == "active\n"
    assert host.exists("/home/owner/.config/containers/systemd/beacon-web.container")
    assert not host.exists("/etc/beacon/services")

    push(WEB, version="2", config=QUICK)
    assert owner.run("beacon", "update").returncode == 0
    assert answer(host, 8080) == "2"

    push(WEB, version="3", config=QUICK, broken="exit")
    bad = owner.run("beacon", "update", check=False)
    assert bad.returncode == 20
    assert "rolled back" in bad.stdout
    assert answer(host, 8080) == "2"
    assert "quarantined" in owner.run("beacon", "update").stdout

    assert owner.run("beacon", "rollback", "web").returncode == 0
    assert answer(host, 8080) == "1"
    story = owner.run("journalctl", "--user", "--unit=beacon-web", "--output=cat").stdout
    assert "Release 3 of web failed" in story
    assert "release 2 is back" in story

    # root sees and steers it through the user's own manager
    status = host.run("beacon", "--user=owner", "status", "--json").stdout
    assert [one["name"] for one in json.loads(status)["services"]] == ["web"]
    host.run("beacon", "stop", "web", "--user=owner")
    assert answer(host, 8080) == ""
    owner.run("beacon", "rm", "web")
    assert owner.run("podman", "ps", "--all", "--quiet").stdout == ""


def test_users_are_independent_of_each_other_and_of_the_machine(
    host: LabHost, push: Push, make_user: MakeUser
) -> None:
    image = push(WEB, version="1", config=QUICK)
    one, two = make_user("one"), make_user("two")
    one.run("beacon", "add", "web", image.tagged, "--port", "127.0.0.1:8081:8080")
    two.run("beacon", "add", "web", image.tagged, "--port", "127.0.0.1:8082:8080")
    host.run("beacon", "add", "web", image.tagged, "--port", "127.0.0.1:8083:8080")
    push(WEB, version="2", config=QUICK)
    one.run("beacon", "update")
    assert [answer(host, port) for port in (8081, 8082, 8083)] == ["2", "1", "1"]


def test_what_a_user_cannot_have_is_refused_with_the_way_to_it(
    host: LabHost, push: Push, make_user: MakeUser
) -> None:
    image = push(WEB, version="1", config=QUICK)
    owner = make_user("owner")
    low = owner.run("beacon", "add", "web", image.tagged, "--port", "80:8080", check=False)
    assert low.returncode == 65
    assert "1024 or above for an ordinary user" in low.stderr
    assert "sysctl net.ipv4.ip_unprivileged_port_start=80" in low.stderr
    host.run("loginctl", "disable-linger", "owner")
    host.run("sed", "-i", "/^owner:/d", "/etc/subuid")
    host.run("loginctl", "enable-linger", "owner")
    ids = owner.run("beacon", "add", "web", image.tagged, check=False)
    assert ids.returncode == 71
    assert "owner has no range in /etc/subuid" in ids.stderr
    nobody = host.run("beacon", "--user=nobody-here", "status", check=False)
    assert nobody.returncode == 2
    other = owner.run("beacon", "--user=root", "status", check=False)
    assert other.returncode == 77


def test_a_user_without_a_manager_is_told_how_to_get_one(host: LabHost) -> None:
    host.run("useradd", "--create-home", "visitor")
    done = host.run("beacon", "--user=visitor", "status", check=False)
    assert done.returncode == 77
    assert "loginctl enable-linger visitor" in done.stderr


def test_an_image_that_drops_its_rights_writes_as_the_user(
    host: LabHost, push: Push, make_user: MakeUser
) -> None:
    image = push(
        WEB, version="1", config=ImageConfig(labels=QUICK.labels, env={"PUID": "911", "PGID": "911"})
    )
    owner = make_user("owner")
    host.run("install", "-d", "-o", "owner", "-g", "owner", "/home/owner/media")
    owner.run("beacon", "add", "web", image.tagged, "--volume", "/home/owner/media:/media")
    owner.run("podman", "exec", "--user=911:911", "beacon-web", "sh", "-c", "echo mine > /media/file")
    assert host.run("stat", "--format=%U", "/home/owner/media/file").stdout == "owner\n"
