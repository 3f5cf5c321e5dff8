"""README's install section, command by command, on machines with nothing but systemd, apt and a network."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.examples import blocks
from tests.lab import images
from tests.lab.ground import BOOKWORM, TRIXIE
from tests.lab.host import LabHost, wait_until
from tests.lab.installation import CHECKOUT, REPOSITORY, copy_tree

AS_GHCR = """[[registry]]
prefix = "ghcr.io"
location = "registry.example:5000"
insecure = true
"""
"""Hosts have no internet: the shared host's registry stands in for the one that README names."""
INSTALL, UNINSTALL = "sudo ./install.sh", "sudo ./install.sh --uninstall"
BEACON = {TRIXIE: "/usr/bin/beacon", BOOKWORM: "/usr/local/bin/beacon"}
ENGINE = {"podman", "netavark", "aardvark-dns", "catatonit"}
COMPILERS = {"gcc", "g++", "clang", "tcc", "python3-dev", "libc6-dev"}
QUICK = images.ImageConfig(labels={"io.beacon.update.settle": "1s"})

BareHost = Callable[[str], LabHost]


@pytest.mark.parametrize("suite", [TRIXIE, BOOKWORM])
def test_readme_leads_from_nothing_to_a_service_that_is_followed(
    suite: str, bare_host: BareHost, host: LabHost
) -> None:
    """And on, by an upgrade, to an uninstallation after which that service still runs."""
    bare = bare_host(suite)
    copy_tree(bare, CHECKOUT)
    lead_to(bare, host)
    assert packages_on(bare) & (ENGINE | COMPILERS) == set()
    shown = [block for block in blocks(REPOSITORY / "README.md") if block.section == "Install"]
    install, add, *look, uninstall = (line for block in shown for line in block.lines)
    assert (install, uninstall) == (INSTALL, UNINSTALL)

    type_in(bare, install)
    assert bare.run("sh", "-c", "command -v beacon").stdout == f"{BEACON[suite]}\n"
    assert packages_on(bare) >= ENGINE
    assert packages_on(bare) & COMPILERS == set()

    images.push(host, "ghcr.io/me/web", config=QUICK)
    type_in(bare, add)
    assert answer(bare) == "1\n"
    assert len(look) == len([line for line in look if type_in(bare, line)])
    images.push(host, "ghcr.io/me/web", version="2", config=QUICK)
    bare.run("systemctl", "start", "beacon-update")
    assert answer(bare) == "2\n"
    assert bare.run("systemctl", "is-enabled", "beacon-update.timer").stdout == "enabled\n"

    container = container_id(bare)
    type_in(bare, install)
    release(bare, "99.0")
    assert "beacon 99.0 is installed" in type_in(bare, install)
    assert bare.run("beacon", "--version").stdout == "beacon 99.0\n"
    assert packages_on(bare) & COMPILERS == set()

    type_in(bare, uninstall)
    assert bare.run("sh", "-c", "command -v beacon", check=False).stdout == ""
    check_still_runs(bare, container)
    bare.reboot()
    wait_until(lambda: answer(bare) == "2\n", 30)


def test_apt_takes_no_engine_away_from_services(bare_host: BareHost, host: LabHost, beacon_deb: Path) -> None:
    """Podman came as a dependency of the package, and stays whichever way that goes."""
    bare = bare_host(TRIXIE)
    lead_to(bare, host)
    images.push(host, "ghcr.io/me/web", version="2", config=QUICK)
    shutil.copy(beacon_deb, bare.path(f"/var/tmp/{beacon_deb.name}"))  # noqa: S108 (on a host of our own)
    apt(bare, "update")
    for word in ("remove", "purge", "autoremove"):
        apt(bare, "install", f"/var/tmp/{beacon_deb.name}")  # noqa: S108 (the same)
        bare.run("apt-mark", "auto", *ENGINE)
        bare.run("beacon", "add", "web", "ghcr.io/me/web:latest", "--port", "127.0.0.1:8080:8080")
        container = container_id(bare)
        apt(bare, word, "beacon")
        check_still_runs(bare, container)
        bare.run("rm", "--force", "/etc/beacon/services/web.toml")


def type_in(host: LabHost, line: str) -> str:
    """Run a command line in the checkout; return what it said."""
    return host.run("sh", "-c", f"cd {CHECKOUT} && {line}", timeout=600).stdout


def lead_to(bare: LabHost, registry: LabHost) -> None:
    """Have images come from another host's registry."""
    bare.resolve(registry_example=registry.address)
    bare.write("/etc/containers/registries.conf.d/ghcr.conf", AS_GHCR)


def release(host: LabHost, version: str) -> None:
    """Make the checkout one of another version."""
    for file in ("beacon/__init__.py", "packaging/debian/changelog"):
        path = host.path(f"{CHECKOUT}/{file}")
        path.write_text(
            re.sub(r'(?<=__version__ = ")[^"]*|(?<=^beacon \()[^)]*', version, path.read_text(), count=1)
        )


def apt(host: LabHost, *words: str) -> None:
    """Have apt do something without asking."""
    host.run("apt-get", "--yes", *words, env={"DEBIAN_FRONTEND": "noninteractive"}, timeout=300)


def check_still_runs(host: LabHost, container: str) -> None:
    """Fail where unused packages take the container of web with them, or what starts it again."""
    apt(host, "autoremove", "--purge")
    assert packages_on(host) >= ENGINE
    assert container_id(host) == container != ""
    host.run("systemctl", "restart", "beacon-web")
    wait_until(lambda: answer(host) == "2\n")


def packages_on(host: LabHost) -> set[str]:
    """Return the packages that are installed."""
    listed = host.run("dpkg-query", "--show", "--showformat", "${db:Status-Abbrev} ${Package}\n").stdout
    return {line.split()[1] for line in listed.splitlines() if line.startswith("ii")}


def answer(host: LabHost) -> str:
    """Return what web answers on the host itself, which has nothing like curl."""
    ask = "exec 3<>/dev/tcp/127.0.0.1/8080; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; sed '1,/^\\r$/d' <&3"
    return host.run("bash", "-c", ask, check=False).stdout


def container_id(host: LabHost) -> str:
    """Return which container runs."""
    return host.run("podman", "ps", "--quiet", "--no-trunc", "--filter", "name=beacon-web").stdout
