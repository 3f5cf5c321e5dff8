"""install.sh on hosts that have never seen Beacon, from a checkout on them; the hosts have no internet."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab import images
from tests.lab.host import LabHost
from tests.lab.installation import copy_tree

WEB = "registry.example:5000/me/web"
TREE = "/root/beacon"
INSTALL = f"{TREE}/install.sh"
PUBLISHING = '# mine\n[publish.file]\npath = "/etc/beacon/endpoints.json"\n'
QUICK = images.ImageConfig(labels={"io.beacon.update.settle": "1s"})

FreshHost = Callable[..., LabHost]


@pytest.fixture
def bare(fresh_host: FreshHost) -> LabHost:
    """Return a host without Beacon, and with a checkout of it."""
    host = fresh_host("bare", beacon=False)
    copy_tree(host, TREE)
    return host


def test_it_builds_the_package_and_installs_it_again_and_takes_it_away(bare: LabHost) -> None:
    said = bare.run(INSTALL, timeout=180).stdout
    assert said.index("will be installed") < said.index("is installed")
    assert bare.run("dpkg-query", "-W", "-f", "${db:Status-Status}", "beacon").stdout == "installed"
    add_web(bare)
    container = container_id(bare)

    again = bare.run(INSTALL, timeout=180).stdout
    assert "which was built from this checkout" in again
    assert container_id(bare) == container

    said = bare.run(INSTALL, "--uninstall", timeout=120).stdout
    assert "services keep running" in said
    assert bare.run("beacon", "--version", check=False).returncode != 0
    check_left_alone(bare, container)

    assert "not installed" in bare.run(INSTALL, "--uninstall").stdout
    bare.run(INSTALL, timeout=180)
    assert "web" in bare.run("beacon", "status", "web").stdout
    bare.run(INSTALL, "--uninstall", "--purge", timeout=120)
    assert not bare.exists("/var/lib/beacon")
    check_left_alone(bare, container)


def test_it_takes_a_package_without_a_checkout(fresh_host: FreshHost, beacon_deb: Path) -> None:
    host = fresh_host("bare", beacon=False)
    host.write("/root/install.sh", (Path(__file__).parents[3] / "install.sh").read_text(), 0o755)
    assert "not run from a checkout" in host.run("/root/install.sh", check=False).stderr
    host.path(f"/root/{beacon_deb.name}").write_bytes(beacon_deb.read_bytes())
    host.run("/root/install.sh", f"/root/{beacon_deb.name}", timeout=180)
    assert host.run("beacon", "--version").stdout.startswith("beacon ")


def test_elsewhere_it_is_a_virtual_environment_with_the_same_units(bare: LabHost) -> None:
    """What pip would fetch from PyPI comes from the host's own Python here: hosts have no internet."""
    before = files_on(bare)
    said = bare.run("sh", "-c", f"umask 077 && {INSTALL} --venv --offline", timeout=120).stdout
    assert "virtual environment" in said
    someone = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    assert bare.run(*someone, "beacon", "--version").stdout.startswith("beacon ")
    assert bare.run("readlink", "-f", "/usr/local/bin/beacon").stdout == "/opt/beacon/bin/beacon\n"
    assert bare.run("systemctl", "is-enabled", "beacon-update.timer").stdout == "enabled\n"
    assert bare.run("systemctl", "is-active", "beacon-update.timer").stdout == "active\n"
    assert "/usr/local/" in bare.run("man", "--where", "beacon").stdout
    completed = "COMP_WORDS=(beacon statu); COMP_CWORD=1; . $file; _beacon; echo ${COMPREPLY[0]}"
    file = "file=/usr/local/share/bash-completion/completions/beacon; "
    assert bare.run("bash", "-c", file + completed).stdout == "status\n"

    add_web(bare)
    container = container_id(bare)
    images.push(bare, WEB, version="2", config=QUICK)
    bare.run("systemctl", "start", "beacon-update.service")
    assert container_id(bare) != container
    container = container_id(bare)
    assert "is live" in bare.run("journalctl", "-u", "beacon-web", "-x").stdout

    bare.run("chmod", "700", "/opt/beacon")
    bare.run(INSTALL, "--venv", "--offline", timeout=120)
    assert bare.run(*someone, "beacon", "--version").stdout.startswith("beacon ")
    assert container_id(bare) == container

    bare.run(INSTALL, "--uninstall", timeout=60)
    assert not bare.exists("/opt/beacon")
    check_left_alone(bare, container)
    kept = {"/etc/beacon/services/web.toml", "/etc/containers/systemd/beacon-web.container"}
    assert {path for path in files_on(bare) - before if not path.startswith("/var/lib/")} == kept


def test_the_package_takes_the_place_of_a_virtual_environment_and_back(
    bare: LabHost, beacon_deb: Path
) -> None:
    """What publishes goes on, the owner's file stays, and nothing goes before what replaces it is there."""
    bare.run(INSTALL, "--venv", "--offline", timeout=120)
    add_web(bare)
    container = container_id(bare)
    bare.write("/etc/beacon/beacon.toml", PUBLISHING)
    bare.run("beacon", "endpoint", "publish", "--enable")

    bare.write("/root/broken.deb", "no package\n")
    failed = bare.run(INSTALL, "/root/broken.deb", check=False, timeout=60)
    assert failed.returncode != 0
    assert "what is in /opt/beacon goes on working" in failed.stderr
    check_works(bare, "/usr/local/bin/beacon")

    bare.path(f"/root/{beacon_deb.name}").write_bytes(beacon_deb.read_bytes())
    bare.run(INSTALL, f"/root/{beacon_deb.name}", timeout=180)
    assert not bare.exists("/opt/beacon")
    check_works(bare, "/usr/bin/beacon")

    # A host without internet has no apt to fetch from, and no PyPI.
    failed = bare.run(INSTALL, "--venv", check=False, timeout=120)
    assert failed.returncode != 0
    assert "the package beacon goes on working" in failed.stderr
    assert not bare.exists("/opt/beacon")
    check_works(bare, "/usr/bin/beacon")

    bare.run(INSTALL, "--venv", "--offline", timeout=120)
    assert not bare.exists("/usr/bin/beacon")
    check_works(bare, "/usr/local/bin/beacon")

    # Nothing of its owner's in it any more, the file is still the package's.
    bare.write("/etc/beacon/beacon.toml", "# nothing\n")
    bare.run(INSTALL, f"/root/{beacon_deb.name}", timeout=180)
    assert bare.exists("/etc/beacon/beacon.toml")
    assert container_id(bare) == container


def test_a_machine_that_speaks_german_gets_the_package_too(bare: LabHost) -> None:
    """Hosts have neither locales nor translations: one of each is made, of as much as matters."""
    catalog = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
    catalog += 'msgid "  Candidate: "\nmsgstr "  Installationskandidat: "\n'
    folder = "/usr/share/locale/de/LC_MESSAGES"
    bare.run("mkdir", "--parents", folder)
    bare.run("msgfmt", f"--output-file={folder}/apt.mo", "-", input=catalog)
    bare.run("cp", "--recursive", "/usr/lib/locale/C.utf8", "/usr/lib/locale/de_DE.utf8")
    for german in ({"LANG": "de_DE.UTF-8"}, {"LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de"}):
        assert "Installationskandidat" in bare.run("apt-cache", "policy", "podman", env=german).stdout
        assert "as a Debian package" in bare.run(INSTALL, "--dry-run", env=german).stdout


def test_a_dry_run_changes_nothing(bare: LabHost) -> None:
    before = files_on(bare)
    assert "will be installed" in bare.run(INSTALL, "--dry-run").stdout
    assert files_on(bare) == before


def test_it_says_what_it_cannot_do(bare: LabHost) -> None:
    fleet = bare.run(INSTALL, "--mode", "fleet", check=False)
    assert (fleet.returncode, "not there yet" in fleet.stderr) == (69, True)
    other = bare.run(INSTALL, "--mode=many", check=False)
    assert (other.returncode, "solo or fleet" in other.stderr) == (2, True)

    bare.run("useradd", "--create-home", "someone")
    bare.run("cp", "--recursive", TREE, "/home/someone/beacon")
    nobody = bare.run(
        "setpriv", "--reuid=someone", "--clear-groups", "/home/someone/beacon/install.sh", check=False
    )
    assert (nobody.returncode, "sudo ./install.sh" in nobody.stderr) == (77, True)

    hide = f"mount -t tmpfs none /run/systemd && exec {INSTALL}"
    no_systemd = bare.run("unshare", "--mount", "sh", "-c", hide, check=False)
    assert no_systemd.returncode == 1
    assert "make demo" in no_systemd.stderr

    packages = "/usr/lib/python3/dist-packages"
    hidden = [f"mount --bind /dev/null /usr/bin/{engine}" for engine in ("podman", "docker")]
    hidden += [f"mount -t tmpfs none {packages}/{name}*-info" for name in ("PyYAML", "idna")]
    hide = " && ".join([*hidden, f"exec {INSTALL} --venv --offline"])
    lacking = bare.run("unshare", "--mount", "sh", "-c", hide, check=False)
    assert lacking.returncode == 1
    assert "apt-get install podman" in lacking.stderr
    assert re.search("for --offline: idna>=[0-9.]+ pyyaml>=[0-9.]+$", lacking.stderr, re.MULTILINE)
    assert not bare.exists("/opt/beacon")


def test_what_publishes_may_fail_without_the_rest(bare: LabHost) -> None:
    bare.run(INSTALL, "--venv", "--offline", timeout=120)
    bare.write("/etc/beacon/beacon.toml", PUBLISHING)
    bare.run("beacon", "endpoint", "publish", "--enable")
    bare.write(
        "/etc/systemd/system/beacon-endpoints.service.d/no.conf", "[Service]\nExecStartPre=/bin/false\n"
    )
    said = bare.run(INSTALL, "--venv", "--offline", timeout=120).stdout
    assert "beacon-endpoints.service could not be restarted" in said
    assert "beacon-update.timer is active" in said


def add_web(host: LabHost) -> None:
    """Add a service."""
    images.push(host, WEB, version="1", config=QUICK)
    host.run("beacon", "add", "web", f"{WEB}:latest")


def container_id(host: LabHost) -> str:
    """Return which container runs."""
    return host.run("podman", "ps", "--quiet", "--no-trunc", "--filter", "name=beacon-web").stdout


def check_works(host: LabHost, program: str) -> None:
    """Fail where Beacon is not this program, does not run by itself, or has lost what its owner set."""
    assert host.run("sh", "-c", "command -v beacon").stdout == f"{program}\n"
    assert "web" in host.run("beacon", "status", "web").stdout
    for unit in ("beacon-update.timer", "beacon-endpoints.service"):
        for verb, state in (("is-active", "active"), ("is-enabled", "enabled")):
            assert host.run("systemctl", verb, unit, check=False).stdout == f"{state}\n", unit
    assert f"={program} " in host.run("systemctl", "cat", "beacon-endpoints.service").stdout
    assert f"=-{program} " in host.run("systemctl", "cat", "beacon-healthy@web.service").stdout
    assert host.read("/etc/beacon/beacon.toml") == PUBLISHING


def check_left_alone(host: LabHost, container: str) -> None:
    """Fail where the service, its unit or its definition were touched."""
    assert container_id(host) == container != ""
    assert host.run("systemctl", "is-active", "beacon-web").stdout == "active\n"
    assert host.exists("/etc/beacon/services/web.toml")
    assert host.exists("/etc/containers/systemd/beacon-web.container")


def files_on(host: LabHost) -> set[str]:
    """Return the files that an installation could have put somewhere."""
    said = host.run(
        "find", "/etc", "/usr", "/opt", "/var/lib/beacon", "-xdev", "-type", "f", check=False
    ).stdout
    return {path for path in said.splitlines() if "beacon" in path and "__pycache__" not in path}
