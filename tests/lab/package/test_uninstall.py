"""Taken away, Beacon leaves nothing but data, and says where: compared file by file with the host before."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab import images
from tests.lab.conftest import FreshHost
from tests.lab.host import LabHost, LabUser

WEB = "registry.example:5000/me/web"
QUICK = images.ImageConfig(labels={"io.beacon.update.settle": "200ms"}, volumes=("/kept",))
DEFINITION = f"""image = "{WEB}:latest"
networks = ["back"]
[resources]
pids = 100
[[volume]]
name = "data"
path = "/data"
"""
PLACES = ("/etc", "/home", "/opt", "/root", "/srv", "/usr", "/var")
NOT_OURS = (
    "/etc/containers/networks/",  # made by Podman, and left empty
    "/var/lib/systemd/timers/",  # made by systemd; what was in it must be gone, which is asked below
    "/var/tmp/beacon_",  # noqa: S108  # the package itself
    "/var/cache/",  # of dpkg and man-db
    "/var/lib/containers/",  # the engines' own stores: what is in them is asked of the engines
    "/var/lib/containerd/",
    "/var/lib/docker",  # and the registry of the host
    "/var/lib/dpkg/",
    "/var/lib/lab/",
    "/var/lib/systemd/catalog/database",  # put together anew by the package manager
    "/var/log/",
    "/etc/docker/",  # written by the daemon
    "/.local/share/containers/",  # rootless Podman's store
    "/.config/containers/podman",
    "/.cache/",
)

Files = dict[str, str]


def files_on(host: LabHost) -> Files:
    """Return what every file, link and folder of the host is."""
    listed = host.run("find", *PLACES, "-xdev", "-printf", "%y %p\\n", check=False, timeout=120).stdout
    found = {}
    for line in listed.splitlines():
        sort, path = line.split(" ", 1)
        if not any(part in f"{path}/" for part in NOT_OURS):
            found[path] = sort if sort != "f" else f"{sort} {checksum(host.path(path))}"
    return found


def checksum(path: Path) -> str:
    """Return what tells one content from another; nothing for a file that has just gone."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def changes(before: Files, after: Files) -> set[str]:
    """Return the paths that have come, gone or changed."""
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def use(run: Callable[..., object], host: LabHost) -> None:
    """Have a service with volumes, a network and limits live through an update and a bad image."""
    images.push(host, WEB, config=QUICK)
    run("beacon", "apply")
    images.push(host, WEB, version="2", config=QUICK)
    run("beacon", "update")
    images.push(host, WEB, version="3", config=QUICK, broken="exit")
    run("beacon", "update", check=False)


@pytest.mark.parametrize("engine", ["podman", "docker"])
def test_a_package_that_was_used_and_is_purged_leaves_no_file(
    fresh_host: FreshHost, beacon_deb: Path, engine: str
) -> None:
    host = fresh_host("bare", beacon=False)
    other = {"podman": "docker", "docker": "podman"}[engine]
    host.run("mv", f"/usr/bin/{other}", f"/usr/bin/{other}.away")
    if engine == "docker":
        host.run("systemctl", "enable", "--now", "docker")
    before = files_on(host)
    host.install_deb(beacon_deb)
    host.write("/etc/beacon/services/web.toml", DEFINITION)
    use(host.run, host)
    said = host.run("beacon", "rm", "--all").stdout
    assert "its data stays" in said
    assert units_on(host) == ["beacon-update.timer", "beacon.slice"]
    volumes = host.run(engine, "volume", "ls", "--quiet").stdout.split()
    assert [name for name in volumes if name.startswith("beacon-web-")] == volumes
    assert len(volumes) == 2
    host.run("dpkg", "--purge", "beacon")
    assert sorted(changes(before, files_on(host))) == []
    assert not host.exists("/var/lib/systemd/timers/stamp-beacon-update.timer")
    for listing in (("ps", "--all"), ("images", "--all")):
        assert host.run(engine, *listing, "--quiet").stdout == ""
    assert "beacon" not in host.run(engine, "network", "ls").stdout
    assert units_on(host) == ["beacon.slice"]  # empty; systemd keeps slices until the next boot


def test_a_user_s_services_leave_no_file_but_the_definition(host: LabHost) -> None:
    owner = host.add_user("owner")
    host.run("systemctl", "start", "network-online.target")
    owner.run("podman", "info")  # Podman makes folders of its own when it is first run
    before = files_on(host)
    owner.write(f"{owner.home}/.config/beacon/services/web.toml", DEFINITION)
    use(owner.run, host)
    owner.run("beacon", "rm", "--all", "--purge", "--yes")
    for listing in (("ps", "--all"), ("images", "--all"), ("volume", "ls")):
        assert left_in(owner, *listing) == []
    folders = {path for path, sort in files_on(host).items() if sort == "d"}
    (kept,) = changes(before, files_on(host)) - folders
    assert kept.startswith(f"{owner.home}/.local/state/beacon/removed/")
    assert host.read(kept) == DEFINITION


def units_on(host: LabHost) -> list[str]:
    """Return the units of Beacon's that systemd has something of."""
    listed = host.run("systemctl", "list-units", "--plain", "--no-legend", "--full", "beacon*").stdout
    return sorted(line.split()[0] for line in listed.splitlines())


def left_in(owner: LabUser, *listing: str) -> list[str]:
    """Return what Podman lists."""
    return owner.run("podman", *listing, "--quiet").stdout.split()
