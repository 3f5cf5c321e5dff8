"""What is made of facts about the machine."""

from __future__ import annotations

from pathlib import PurePath

import pytest
from msgspec.structs import replace

from beacon.doctor.judge import machine
from beacon.doctor.judge.facts import (
    AccountFacts,
    CgroupFacts,
    ClockFacts,
    DiskFacts,
    ManagerFacts,
    PortFacts,
    Program,
    Sandbox,
    SearchPath,
    StorageFacts,
)
from beacon.doctor.judge.finding import Commands, Finding, Severity
from beacon.model.machine import Scope

SYSTEM, USER = Commands(Scope.SYSTEM), Commands(Scope.USER)
ALL = frozenset({"memory", "cpu", "pids", "io"})
OWNER = AccountFacts("owner", lingers=True, uids=65536, gids=65536)
NOW = 1_800_000_000.0
CLOCK = ClockFacts(NOW, NOW - 60, "/usr/lib/beacon", synchronized=True)
GIB = 1 << 30
DISK = DiskFacts("/var/lib/containers", "images", 64 * GIB, 32 * GIB, 1000, 900)


def words(findings: list[Finding]) -> list[str]:
    return [finding.severity.word for finding in findings]


@pytest.mark.parametrize(
    ("facts", "severity", "mend"),
    [
        pytest.param(ManagerFacts(257), "ok", "", id="a new systemd"),
        pytest.param(ManagerFacts(249), "warning", "upgrade", id="an old one"),
        pytest.param(ManagerFacts(257, boots=False), "error", "systemd-sysv", id="not the first process"),
        pytest.param(ManagerFacts(None), "error", "systemd-sysv", id="not there"),
        pytest.param(
            ManagerFacts(257, user="bob", runs=False),
            "error",
            "enable-linger bob",
            id="no manager of the user",
        ),
    ],
)
def test_systemd(facts: ManagerFacts, severity: str, mend: str) -> None:
    (finding,) = machine.manager(facts, SYSTEM)
    assert finding.severity.word == severity
    assert mend in finding.mend


def test_a_controller_that_a_limit_needs_is_an_error_and_an_idle_one_is_not() -> None:
    assert words(machine.cgroups(CgroupFacts(unified=True, controllers=ALL), SYSTEM)) == ["ok"]
    facts = CgroupFacts(unified=True, controllers=ALL - {"memory"})
    assert words(machine.cgroups(facts, SYSTEM)) == ["info"]
    (finding,) = machine.cgroups(replace(facts, needed={"memory": ("web",)}), SYSTEM)
    assert finding.severity is Severity.ERROR
    assert "resources.memory in web" in finding.what
    assert "cgroup_enable=memory" in finding.mend
    (finding,) = machine.cgroups(replace(facts, needed={"memory": ("web",)}), USER)
    assert "Delegate=" in finding.mend
    assert words(machine.cgroups(CgroupFacts(unified=False), SYSTEM)) == ["warning"]


def test_an_account() -> None:
    assert machine.account(None, USER) == []
    assert words(machine.account(OWNER, USER)) == ["ok"]
    (linger,) = machine.account(replace(OWNER, lingers=False), USER)
    assert (linger.severity, linger.mend) == (Severity.WARNING, "sudo loginctl enable-linger owner")
    none, few = machine.account(replace(OWNER, uids=0, gids=1000), USER)
    assert (none.severity, few.severity) == (Severity.ERROR, Severity.WARNING)
    assert none.what == "owner has no range in /etc/subuid"
    assert none.mend.startswith("sudo usermod --add-subuids")
    (mappers,) = machine.account(replace(OWNER, mappers=False), USER)
    assert mappers.mend == "sudo apt install uidmap"


def test_ports_below_the_lowest() -> None:
    assert machine.ports(None, USER) == []
    assert words(machine.ports(PortFacts(1024), USER)) == ["ok"]
    found = machine.ports(PortFacts(1024, (("web", 443), ("other", 80))), USER)
    assert words(found) == ["error", "error"]
    assert all("ip_unprivileged_port_start=80" in finding.mend for finding in found)


@pytest.mark.parametrize(
    ("facts", "severity"),
    [
        pytest.param(CLOCK, "ok", id="synchronised"),
        pytest.param(replace(CLOCK, synchronized=None), "info", id="nobody tells"),
        pytest.param(replace(CLOCK, synchronized=False), "warning", id="left alone"),
        pytest.param(replace(CLOCK, synchronized=False, follows=True), "warning", id="not yet"),
        pytest.param(replace(CLOCK, synchronized=False, container="lxc"), "info", id="another machine's"),
        pytest.param(replace(CLOCK, now=0.0), "error", id="1970, whatever it says"),
        pytest.param(replace(CLOCK, newest=NOW + 3600), "ok", id="an hour of another time zone"),
    ],
)
def test_the_clock(facts: ClockFacts, severity: str) -> None:
    assert words(machine.clock(facts, SYSTEM)) == [severity]


@pytest.mark.parametrize(
    ("disk", "severity"),
    [
        pytest.param(DISK, "ok", id="room"),
        pytest.param(replace(DISK, free=GIB // 2), "warning", id="little"),
        pytest.param(replace(DISK, free=GIB // 100), "error", id="next to nothing"),
        pytest.param(replace(DISK, free_inodes=10), "warning", id="no inodes"),
        pytest.param(replace(DISK, inodes=0, free_inodes=0), "ok", id="btrfs counts none"),
    ],
)
def test_room(disk: DiskFacts, severity: str) -> None:
    (finding,) = machine.disks(StorageFacts("overlay", (disk,)), SYSTEM)
    assert finding.severity.word == severity
    assert finding.mend == ("podman image prune --all" if severity != "ok" else "")


def test_every_disk_is_judged_and_so_is_the_driver() -> None:
    small = DiskFacts("/etc", "the unit files", GIB, GIB // 100)
    found = machine.disks(StorageFacts("vfs", (DISK, small)), USER)
    assert words(found) == ["error", "warning"]
    assert found[0].mend == "sudo journalctl --vacuum-size=100M"
    assert "overlay" in found[1].mend


@pytest.mark.parametrize(
    ("sandbox", "path", "may"),
    [
        pytest.param(Sandbox(), "/home/images", True, id="none"),
        pytest.param(Sandbox("full", "read-only"), "/srv/images", True, id="timer, elsewhere"),
        pytest.param(Sandbox("full", "read-only"), "/home/images", False, id="timer, home"),
        pytest.param(Sandbox("full", "no"), "/home/images", True, id="timer, home is left open"),
        pytest.param(Sandbox("strict", "read-only"), "/srv/images", False, id="publishing"),
        pytest.param(
            Sandbox("strict", "read-only", ("/home/images",)), "/home/images/overlay", True, id="named"
        ),
        pytest.param(Sandbox("strict", "yes", ("/home/im",)), "/home/images", False, id="another's name"),
    ],
)
def test_what_a_unit_may_write(sandbox: Sandbox, path: str, may: bool) -> None:  # noqa: FBT001 -- a column
    assert sandbox.may_write(PurePath(path)) is may


def test_units_that_cannot_reach_the_images_are_named_with_what_lets_them() -> None:
    units = ("beacon-update.service", "beacon-endpoints.service")
    found = machine.disks(StorageFacts("overlay", (DISK,), units, "/home/images"), SYSTEM)
    assert words(found) == ["error", "error"]
    edits = [finding.mend.rpartition(" by ")[2] for finding in found]
    assert edits == ["systemctl edit beacon-update", "systemctl edit beacon-endpoints"]
    assert all("ReadWritePaths=/home/images" in finding.mend for finding in found)


def test_sizes_are_written_as_people_say_them() -> None:
    said = [machine.size(count) for count in (12, 5 << 10, 300 << 20, 5 * GIB // 2)]
    assert said == ["12 B", "5 KiB", "300 MiB", "2.5 GiB"]


OURS, MORSE = Program("/usr/bin/beacon", ours=True), Program("/usr/sbin/beacon", ours=False)


@pytest.mark.parametrize(
    ("programs", "severity"),
    [
        pytest.param((OURS,), "ok", id="alone"),
        pytest.param((OURS, MORSE), "ok", id="the other one comes later"),
        pytest.param((MORSE, OURS), "warning", id="the other one comes first"),
        pytest.param((Program("/usr/local/bin/beacon", ours=True), OURS), "warning", id="twice"),
        pytest.param((), "ok", id="run by its path"),
    ],
)
def test_programs_of_the_name(programs: tuple[Program, ...], severity: str) -> None:
    (finding,) = machine.command((SearchPath("sudo's PATH", programs),), SYSTEM)
    assert finding.severity.word == severity
    if programs[:1] == (MORSE,):
        assert finding.what.startswith("/usr/sbin/beacon comes before /usr/bin/beacon in sudo's PATH")
