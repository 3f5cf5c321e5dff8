"""A host with Debian 12: Python 3.11, systemd 252, Podman 4.3, docker 20.10, and Beacon from install.sh."""

from __future__ import annotations

import hashlib
import re

import pytest

from tests.lab.conftest import FreshHost
from tests.lab.ground import BOOKWORM
from tests.lab.host import LabHost, wait_until
from tests.lab.installation import CHECKOUT, copy_tree, offer_wheels
from tests.lab.kinds import DOCKER, OLD_PODMAN
from tests.lab.stage import QUICK, Stage

INSTALL = f"{CHECKOUT}/install.sh"
VERSION = f"{CHECKOUT}/beacon/__init__.py"
ROLLED_BACK = 20
UNAVAILABLE = 69
SYSTEM = "/usr/local/lib/systemd/system"


@pytest.fixture
def bare(fresh_host: FreshHost) -> LabHost:
    """Return a host without Beacon, and with a checkout of it and what pip needs."""
    host = fresh_host("bare", suite=BOOKWORM)
    offer_wheels(host)
    copy_tree(host, CHECKOUT)
    return host


def test_the_host_is_what_it_says(old_host: LabHost) -> None:
    versions = {
        "python3": "Python 3.11",
        "systemctl": "systemd 252",
        "podman": "podman version 4.3.1",
        "docker": "Docker version 20.10",
    }
    for command, version in versions.items():
        assert old_host.run(command, "--version").stdout.startswith(version)
    assert not old_host.exists("/usr/libexec/podman/quadlet")


def test_it_is_installed_used_upgraded_and_taken_away(bare: LabHost) -> None:
    """The whole life of an installation; in the end there is nothing more than data."""
    before = files_on(bare)
    said = bare.run(INSTALL, timeout=180).stdout
    assert said.index("virtual environment") < said.index("beacon-update.timer is active")
    assert "man beacon" not in said
    assert bare.run("readlink", "-f", "/usr/local/bin/beacon").stdout == "/opt/beacon/bin/beacon\n"
    bare.run("systemctl", "stop", "beacon-update.timer")
    units = [f"{SYSTEM}/{name}" for name in ("beacon-update.service", "beacon-update.timer", "beacon.slice")]
    verified = bare.run("systemd-analyze", "verify", "--man=no", *units)
    assert (verified.stdout, verified.stderr) == ("", "")

    stage = Stage(bare, OLD_PODMAN)
    use(stage)
    started = stage.invocations("web")

    newer = re.sub(r'__version__ = ".*"', '__version__ = "99.0"', bare.read(VERSION))
    bare.write(VERSION, newer)
    assert "beacon 99.0 is installed" in bare.run(INSTALL, timeout=180).stdout
    assert bare.run("beacon", "--version").stdout == "beacon 99.0\n"
    assert (stage.invocations("web"), stage.agrees()) == (started, "1")

    assert "services keep running" in bare.run(INSTALL, "--uninstall").stdout
    assert stage.invocations("web") == started
    stage.systemctl("restart", "beacon-web")
    wait_until(lambda: stage.version() == "1")
    assert added(before, files_on(bare)) == {
        "/etc/beacon",
        "/etc/beacon/services",
        "/etc/beacon/services/web.toml",
        stage.unit_file(),
        f"{stage.units}/beacon-web-data-volume.service",
        f"{stage.units}/multi-user.target.wants/beacon-web.service",
        "/var/lib/beacon",
        "/var/lib/beacon/checks.json",
        "/var/lib/beacon/outbox",
        "/var/lib/beacon/pulls",
        "/var/lib/beacon/rollouts",
        "/var/lib/beacon/services",
        "/var/lib/beacon/services/web.json",
    }
    bare.run(INSTALL, "--uninstall", "--purge")
    assert "/var/lib/beacon" not in files_on(bare)
    assert stage.version() == "1"


def use(stage: Stage) -> None:
    """Add a service; take a good image by the timer's unit and put a bad one back; go back by hand."""
    image = stage.push(config=QUICK).tagged
    stage.beacon("add", "web", image, "--port", f"{stage.port('web')}:8080", "--volume=data:/data")
    assert stage.agrees() == "1"
    stage.push(version="2", config=QUICK)
    stage.systemctl("start", "beacon-update.service")
    assert stage.agrees() == "2"
    stage.push(version="3", config=QUICK, broken="exit")
    assert stage.update(status=ROLLED_BACK) == {"web": "rolled_back"}
    assert stage.agrees() == "2"
    stage.beacon("rollback", "web")
    assert stage.agrees() == "1"


def test_where_pip_finds_nothing_nothing_is_left(bare: LabHost) -> None:
    bare.run("rm", "/etc/pip.conf")
    before = files_on(bare)
    refused = bare.run(INSTALL, check=False, timeout=180)
    assert refused.returncode == UNAVAILABLE
    assert "pip could not install" in refused.stderr
    assert added(before, files_on(bare)) == set()
    assert "not installed" in bare.run(INSTALL, "--uninstall").stdout


def test_what_debian_has_to_give_is_installed_with_apt(bare: LabHost) -> None:
    """An archive on the host stands for Debian's; of the package, that it comes from there is what counts."""
    bare.run("dpkg", "--remove", "python3-venv")
    offer_package(bare, "python3-venv")
    assert "may take it away: python3-venv\n" in bare.run(INSTALL, "--dry-run").stdout
    assert not bare.exists("/usr/share/from-the-archive")
    bare.run(INSTALL, timeout=180)
    assert bare.exists("/usr/share/from-the-archive")
    assert bare.run("beacon", "--version").stdout.startswith("beacon ")


def test_docker_20_10_is_as_good(old_host: LabHost) -> None:
    old_host.run("mv", "/usr/bin/podman", "/usr/bin/podman.away")
    try:
        old_host.run("systemctl", "start", "docker")
        use(Stage(old_host, DOCKER))
    finally:
        old_host.run("mv", "/usr/bin/podman.away", "/usr/bin/podman")


def offer_package(host: LabHost, name: str) -> None:
    """Make an archive for apt that has one package of that name, with one file."""
    archive, tree = "/var/lib/lab/archive", "/var/lib/lab/package"
    control = f"Package: {name}\nVersion: 99\nArchitecture: all\nMaintainer: nobody\nDescription: none\n"
    host.write(f"{tree}/DEBIAN/control", control)
    host.write(f"{tree}/usr/share/from-the-archive", "")
    host.run("mkdir", archive)
    host.run("dpkg-deb", "--build", tree, f"{archive}/package.deb")
    package = host.path(f"{archive}/package.deb").read_bytes()
    more = f"Filename: ./package.deb\nSize: {len(package)}\nSHA256: {hashlib.sha256(package).hexdigest()}\n"
    host.write(f"{archive}/Packages", control + more)
    host.run("sh", "-c", "rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*")
    host.write("/etc/apt/sources.list.d/lab.list", f"deb [trusted=yes] file:{archive} ./\n")


def added(before: set[str], after: set[str]) -> set[str]:
    """Return what has come since."""
    assert before <= after
    return after - before


def files_on(host: LabHost) -> set[str]:
    """Return every file and folder of the disk, less engines' data (mounts of their own), logs and caches."""
    temporary = ("/run", "/tmp", "/var/tmp")  # noqa: S108
    skipped = (*temporary, "/var/log", "/var/cache", "/var/lib/apt", "/var/lib/docker-registry")
    prune = [word for path in skipped for word in ("-path", path, "-o")][:-1]
    found = host.run("find", "/", "-xdev", "(", *prune, ")", "-prune", "-o", "-print")
    return set(found.stdout.splitlines())
