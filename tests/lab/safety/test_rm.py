"""Services are removed as a whole, or stay; and nothing is lost that their owner wrote."""

from __future__ import annotations

import pytest

from tests.lab.conftest import Push
from tests.lab.host import LabHost
from tests.lab.images import ImageConfig

WEB = "registry.example:5000/me/web"
QUICK = ImageConfig(labels={"io.beacon.update.settle": "1s"})
DEFINITION = "/etc/beacon/services/{}.toml"
IDLE = 'entrypoint = ["/bin/sleep", "1000"]\n'
REMOVED = "/var/lib/beacon/removed"


@pytest.fixture
def image(push: Push) -> str:
    """Return the reference of an image."""
    return push(WEB, version="1", config=QUICK).tagged


def is_up(host: LabHost, name: str) -> bool:
    """Say whether a service runs."""
    return host.run("systemctl", "is-active", f"beacon-{name}", check=False).stdout == "active\n"


def kept(host: LabHost) -> dict[str, str]:
    """Return mode and path of all definitions that are kept, and their folders."""
    found = host.run("find", REMOVED, "-printf", "%P %m\n", check=False).stdout
    return dict(line.rsplit(" ", 1) for line in found.splitlines() if line[0] != " ")


def test_a_definition_is_kept_and_brings_its_service_back(host: LabHost, image: str) -> None:
    host.run("beacon", "add", "web", image, "--env", "PASSWORD=secret", "--volume", "data:/data")
    host.run("podman", "exec", "beacon-web", "sh", "-c", "echo kept > /data/file")
    text = host.read(DEFINITION.format("web"))
    done = host.run("beacon", "rm", "web")
    assert "its data stays in beacon-web-data" in done.stdout
    (where,) = [line.rpartition(" ")[2] for line in done.stderr.splitlines() if REMOVED in line]
    assert host.read(where) == text
    assert set(kept(host).values()) == {"700", "600"}
    host.run("install", "--mode=644", where, DEFINITION.format("web"))
    host.run("beacon", "apply")
    assert host.run("podman", "exec", "beacon-web", "cat", "/data/file").stdout == "kept\n"


def test_all_are_removed_only_when_somebody_says_so(host: LabHost, image: str) -> None:
    for name in ("db", "web"):
        host.run("beacon", "add", name, image)
    for answer in ("", "\n", "n\n"):
        asked = host.run("script", "-qec", "beacon rm --all", "/dev/null", input=answer, check=False)
        assert asked.returncode == 1, answer
        assert "Remove db, web?" in asked.stdout
        assert is_up(host, "db")
        assert is_up(host, "web")
    asked = host.run("script", "-qec", "beacon rm --all", "/dev/null", input="y\n")
    assert f"the definitions are kept in {REMOVED}/" in asked.stdout
    assert host.run("beacon", "status").stdout == ""
    assert {path.partition("/")[2] for path in kept(host)} == {"", "db.toml", "web.toml"}
    for words in (("--yes",), ()):  # without a terminal nobody is asked
        host.run("beacon", "add", "web", image)
        if words:
            host.run("script", "-qec", "beacon rm --all --yes", "/dev/null")
        else:
            host.run("beacon", "rm", "--all")
        assert not host.exists(DEFINITION.format("web"))


def test_a_service_that_others_need_stays(host: LabHost, image: str) -> None:
    host.run("beacon", "add", "vpn", image, "--volume", "data:/data")
    host.write(DEFINITION.format("side"), f'image = "{image}"\n{IDLE}networks = ["service:vpn"]\n')
    host.write(
        DEFINITION.format("backup-of"),
        f'image = "{image}"\n[[volume]]\nexternal = "beacon-vpn-data"\npath = "/d"\n',
    )
    host.run("beacon", "apply")
    for words in (("rm", "vpn"), ("rm", "--purge", "--yes", "vpn")):
        done = host.run("beacon", *words, check=False)
        assert done.returncode == 2
        assert "side is on the network of vpn" in done.stderr
        assert "beacon edit side" in done.stderr
    # as it runs, whatever its definition says by now; and by apply as well
    host.write(DEFINITION.format("side"), f'image = "{image}"\n{IDLE}')
    for words in (("rm", "vpn"), ("rm", "--purge", "--yes", "vpn")):
        done = host.run("beacon", *words, check=False)
        assert done.returncode == 2
        assert "beacon apply side" in done.stderr
    text = host.read(DEFINITION.format("vpn"))
    host.run("rm", DEFINITION.format("vpn"))
    assert host.run("beacon", "apply", "vpn", check=False).returncode == 2
    host.write(DEFINITION.format("vpn"), text)
    assert is_up(host, "vpn")
    assert is_up(host, "side")
    host.run("beacon", "apply", "side")
    done = host.run("beacon", "rm", "--purge", "--yes", "vpn", check=False)
    assert done.returncode == 2
    assert "backup-of mounts beacon-vpn-data, which is vpn's" in done.stderr
    assert is_up(host, "vpn")
    host.run("beacon", "rm", "vpn")
    host.run("beacon", "restart", "backup-of")
    assert "beacon-vpn-data" in host.run("podman", "volume", "ls", "--quiet").stdout


def test_two_that_need_each_other_s_things_go_together(host: LabHost, image: str) -> None:
    host.run("beacon", "add", "vpn", image)
    host.write(DEFINITION.format("side"), f'image = "{image}"\n{IDLE}networks = ["service:vpn"]\n')
    host.run("beacon", "apply")
    host.run("beacon", "rm", "vpn", "side")
    assert host.run("beacon", "status").stdout == ""


def stays(host: LabHost, *words: str) -> None:
    """Check that web is not removed, and that all that says what it was is there."""
    done = host.run("beacon", "rm", "web", check=False)
    assert done.returncode == 1
    assert "failed" in done.stdout
    for word in words:
        assert word in done.stdout
    assert host.exists(DEFINITION.format("web"))
    assert host.exists("/var/lib/beacon/services/web.json")
    assert kept(host).keys() <= {""}


def goes(host: LabHost) -> None:
    """Check that web is removed."""
    host.run("beacon", "rm", "web")
    assert host.run("beacon", "status").stdout == ""
    assert host.run("podman", "ps", "--all", "--quiet").stdout == ""
    assert not host.exists("/etc/containers/systemd/beacon-web.container")


def test_what_does_not_stop_is_not_removed(host: LabHost, image: str) -> None:
    host.run("beacon", "add", "web", image)
    drop_in = "/etc/systemd/system/beacon-web.service.d/keep.conf"
    host.write(drop_in, "[Unit]\nRefuseManualStop=yes\n")
    host.run("systemctl", "daemon-reload")
    stays(host, "systemd refuses to stop beacon-web.service")
    assert is_up(host, "web")
    host.run("rm", drop_in)
    host.run("systemctl", "daemon-reload")
    goes(host)


@pytest.mark.parametrize("folder", ["/etc/containers/systemd", "/var/lib/beacon/services"])
def test_what_cannot_be_deleted_is_not_forgotten(host: LabHost, image: str, folder: str) -> None:
    host.run("beacon", "add", "web", image)
    host.run("mount", "--bind", "--options", "ro", folder, folder)
    stays(host, "it is stopped, but cannot", "Read-only file system")
    host.run("umount", folder)
    goes(host)


def test_a_definition_that_cannot_be_deleted_is_told(host: LabHost, image: str) -> None:
    host.run("beacon", "add", "web", image)
    folder = "/etc/beacon/services"
    host.run("mount", "--bind", "--options", "ro", folder, folder)
    done = host.run("beacon", "rm", "web", check=False)
    assert done.returncode == 1
    assert "it is gone, but for its definition" in done.stdout
    host.run("umount", folder)
    goes(host)


def test_data_that_cannot_be_deleted_is_told(host: LabHost, image: str) -> None:
    host.run("beacon", "add", "web", image, "--volume", "data:/data")
    host.run("podman", "create", "--name", "other", "--volume", "beacon-web-data:/data", image)
    done = host.run("beacon", "rm", "--purge", "--yes", "web", check=False)
    assert done.returncode == 1
    assert "beacon-web-data with its data is not" in done.stdout
    assert "podman volume rm beacon-web-data" in done.stderr
