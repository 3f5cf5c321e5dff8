"""The Debian package: installed, upgraded, removed and purged on hosts that have never seen Beacon."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab import images
from tests.lab.host import LabHost, wait_until
from tests.lab.installation import REPOSITORY, repackage

WEB = "registry.example:5000/me/web"
UNIT = "/etc/containers/systemd/beacon-web.container"
DEFINITION = "/etc/beacon/services/web.toml"
STATE = "/var/lib/beacon/services/web.json"

FreshHost = Callable[..., LabHost]


@pytest.fixture
def bare(fresh_host: FreshHost) -> LabHost:
    """Return a host without Beacon."""
    return fresh_host("bare", beacon=False)


def test_lintian_has_nothing_to_say(host: LabHost, beacon_deb: Path) -> None:
    inside = f"/var/tmp/{beacon_deb.name}"  # noqa: S108 (on a host of our own)
    host.path(inside).write_bytes(beacon_deb.read_bytes())
    done = host.run("lintian", "--pedantic", "--display-info", "--allow-root", inside, check=False)
    host.path(inside).unlink()
    assert (done.returncode, done.stdout) == (0, "")


def test_make_deb_tells_how_its_package_is_installed(beacon_deb: Path) -> None:
    said = subprocess.run(
        ["make", "--silent", "deb"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    package, how = said.stdout.splitlines()
    assert package == str(beacon_deb)
    assert how.endswith(f"sudo apt install ./build/deb/{beacon_deb.name}")


def test_an_installed_package_is_whole_and_runs_nothing(bare: LabHost, beacon_deb: Path) -> None:
    bare.install_deb(beacon_deb)
    for path in files_of(beacon_deb):
        assert bare.exists(path), path
    assert bare.run("beacon", "--version").stdout.startswith("beacon ")
    assert bare.run("beacon", "status").stderr.startswith("no services yet")
    for page in ("beacon", "beacon.toml", "beacon-update", "beacon-notify", "beacon-endpoints"):
        assert bare.run("man", "--where", page).stdout
    assert state_of(bare, "beacon-update.timer") == "active"
    assert bare.run("systemctl", "is-enabled", "beacon-update.timer").stdout == "enabled\n"
    assert was_never_run(bare, "beacon-update.service")
    assert state_of(bare, "beacon-endpoints.service") == "inactive"
    assert bare.run("systemctl", "is-enabled", "beacon-endpoints", check=False).stdout == "disabled\n"
    assert bare.run("stat", "-c", "%U %a", "/run/beacon", "/var/lib/beacon").stdout == "root 755\n" * 2
    assert "Service @" in bare.run("journalctl", "--dump-catalog", "1b9e4c3d7f5a4b0e8d2c6a1f3e5b7d92").stdout
    units = ["beacon-update.timer", "beacon-update.service", "beacon-endpoints.service", "beacon.slice"]
    units.append("beacon-healthy@web.service")
    assert "beacon" not in bare.run("systemd-analyze", "verify", *units).stderr


def test_an_upgrade_restarts_no_service_and_runs_no_update(
    bare: LabHost, beacon_deb: Path, tmp_path: Path
) -> None:
    bare.install_deb(repackage(beacon_deb, "0.0.1", tmp_path))
    add_web(bare)
    container = container_id(bare)
    bare.write("/etc/beacon/beacon.toml", '# mine\n[registry]\ndeadline = "10s"\n')
    images.push(bare, WEB, version="2")

    bare.install_deb(beacon_deb)

    assert container_id(bare) == container
    assert state_of(bare, "beacon-update.timer") == "active"
    assert was_never_run(bare, "beacon-update.service")
    assert bare.read("/etc/beacon/beacon.toml").startswith("# mine")


def test_an_upgrade_goes_on_publishing_where_that_was_going_on(
    bare: LabHost, beacon_deb: Path, tmp_path: Path
) -> None:
    unit = "beacon-endpoints.service"
    bare.install_deb(repackage(beacon_deb, "0.0.1", tmp_path))
    bare.write("/etc/beacon/beacon.toml", '[publish.file]\npath = "/etc/beacon/endpoints.json"\n')
    bare.run("beacon", "endpoint", "publish", "--enable")
    before = process_of(bare, unit)

    bare.install_deb(repackage(beacon_deb, "0.0.2", tmp_path))
    assert state_of(bare, unit) == "active"
    assert process_of(bare, unit) != before != "0"
    assert bare.run("systemctl", "is-enabled", unit).stdout == "enabled\n"

    # Stopped, it stays so, whether it is enabled or not.
    bare.run("systemctl", "stop", unit)
    bare.install_deb(repackage(beacon_deb, "0.0.3", tmp_path))
    assert state_of(bare, unit) == "inactive"
    bare.run("systemctl", "disable", unit)
    bare.install_deb(beacon_deb)
    assert state_of(bare, unit) == "inactive"
    assert bare.run("systemctl", "is-enabled", unit, check=False).stdout == "disabled\n"


def test_a_disabled_timer_stays_disabled(bare: LabHost, beacon_deb: Path, tmp_path: Path) -> None:
    bare.install_deb(repackage(beacon_deb, "0.0.1", tmp_path))
    bare.run("systemctl", "disable", "--now", "beacon-update.timer")
    bare.install_deb(beacon_deb)
    assert bare.run("systemctl", "is-enabled", "beacon-update.timer", check=False).stdout == "disabled\n"
    assert state_of(bare, "beacon-update.timer") == "inactive"


def test_services_outlive_the_package_and_are_found_again(bare: LabHost, beacon_deb: Path) -> None:
    before = files_on(bare)
    bare.install_deb(beacon_deb)
    bare.run("beacon", "secret", "set", "tok", "--generate")
    add_web(bare, "--secret", "tok")
    container = container_id(bare)
    bare.run("podman", "volume", "create", "beacon-web-data")
    assert "deluge" in bare.run("beacon", "app", "list", "torrent").stdout

    bare.run("dpkg", "--remove", "beacon")
    assert container_id(bare) == container
    assert state_of(bare, "beacon-web.service") == "active"
    assert state_of(bare, "beacon-update.timer") == "inactive"
    for path in (UNIT, DEFINITION, STATE, "/etc/beacon/beacon.toml"):
        assert bare.exists(path), path
    bare.run("systemctl", "restart", "beacon-web.service")

    bare.install_deb(beacon_deb)
    assert "web" in bare.run("beacon", "status", "web").stdout

    said = bare.run("dpkg", "--purge", "beacon").stdout
    assert "keep running" in said
    assert "definitions in /etc/beacon/services are kept" in said
    assert state_of(bare, "beacon-web.service") == "active"
    assert bare.exists(UNIT)
    assert bare.exists(DEFINITION)
    assert "beacon-web-data" in bare.run("podman", "volume", "ls").stdout
    left = files_on(bare) - before
    assert left == {UNIT, DEFINITION, "/var/lib/beacon/secrets/tok.1.cred"}
    bare.run("systemctl", "restart", "beacon-web.service")  # which needs its secret


def test_removal_waits_for_a_rollout(bare: LabHost, beacon_deb: Path) -> None:
    bare.install_deb(beacon_deb)
    bare.write(
        "/etc/systemd/system/beacon-update.service.d/slow.conf",
        "[Unit]\nConditionPathExistsGlob=\n[Service]\nExecStart=\nExecStart=sleep 2\n"
        "ExecStart=touch /var/tmp/finished\n",
    )
    bare.run("systemctl", "daemon-reload")
    bare.run("systemctl", "start", "--no-block", "beacon-update.service")
    wait_until(lambda: state_of(bare, "beacon-update.service") == "activating")
    assert "Waiting for beacon-update" in bare.run("dpkg", "--remove", "beacon").stdout
    # PrivateTmp= gives the run a /var/tmp of its own: systemd's word counts.
    said = bare.run("journalctl", "-u", "beacon-update").stdout
    assert "Finished beacon-update.service" in said


def add_web(host: LabHost, *words: str) -> None:
    """Add a service that settles at once."""
    images.push(
        host, WEB, version="1", config=images.ImageConfig(labels={"io.beacon.update.settle": "100ms"})
    )
    host.run("beacon", "add", "web", f"{WEB}:latest", "--port", "127.0.0.1:8080:8080", *words)


def container_id(host: LabHost) -> str:
    """Return which container runs."""
    return host.run("podman", "ps", "--quiet", "--no-trunc", "--filter", "name=beacon-web").stdout


def state_of(host: LabHost, unit: str) -> str:
    """Return a unit's ActiveState."""
    return host.run("systemctl", "show", "--property=ActiveState", "--value", unit).stdout.strip()


def process_of(host: LabHost, unit: str) -> str:
    """Return the id of a service's main process."""
    return host.run("systemctl", "show", "--property=MainPID", "--value", unit).stdout.strip()


def was_never_run(host: LabHost, unit: str) -> bool:
    """Tell whether a unit has not been started since boot."""
    said = host.run("systemctl", "show", "--property=InactiveExitTimestampMonotonic", "--value", unit).stdout
    skipped = host.run("journalctl", "-u", unit, "--quiet").stdout
    return said.strip() == "0" and skipped == ""


def files_of(package: Path) -> list[str]:
    """Return the files in a package, manual pages and documentation aside: hosts leave those out."""
    said = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], capture_output=True, check=True).stdout
    listed = subprocess.run(["tar", "-t"], input=said, capture_output=True, check=True).stdout.decode()
    paths = [line.removeprefix(".") for line in listed.splitlines() if not line.endswith("/")]
    return [path for path in paths if not path.startswith("/usr/share/doc/")]


def files_on(host: LabHost) -> set[str]:
    """Return the files that a package, Beacon or its owner could have put somewhere."""
    places = ["/etc", "/usr", "/var/lib/beacon", "/var/lib/systemd/timers"]
    said = host.run("find", *places, "-xdev", "(", "-type", "f", "-o", "-type", "l", ")", check=False).stdout
    ours = [path for path in said.splitlines() if "beacon" in path]
    return {
        path
        for path in ours
        if "/deb-systemd-helper" not in path and "/systemd/system/multi-user" not in path
    }
