"""Judge the machine: service manager, control groups, account, ports, clock, disks, and what PATH finds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from beacon.doctor.judge.facts import (
    AccountFacts,
    CgroupFacts,
    ClockFacts,
    DiskFacts,
    ManagerFacts,
    PortFacts,
    SearchPath,
    StorageFacts,
)
from beacon.doctor.judge.finding import Commands, Finding, error, info, listed, ok, warning
from beacon.model.limits import CONTROLLERS, missing_remedy
from beacon.model.machine import LITTLE_ROOM

OLDEST_SYSTEMD = 252
"""Debian 12's; the package asks for it."""
FEW_IDS = 65536
"""As many as one container may use (subuid(5): usermod's default range)."""
_DAY = 86400.0
_KIBI = 1024
_TOO_LITTLE = LITTLE_ROOM // 4
_SCARCE = 0.05


def manager(facts: ManagerFacts, commands: Commands) -> list[Finding]:
    """Judge systemd."""
    del commands
    if facts.version is None or not facts.boots:
        return [
            error(
                "systemd is not the first process of this machine",
                "Beacon writes units, and nothing here runs them",
                "apt install systemd-sysv, and boot with it",
            )
        ]
    if not facts.runs:
        return [
            error(
                f"no service manager runs for {facts.user}",
                "services of a user run below a manager of their own, which lingering starts at boot",
                f"sudo loginctl enable-linger {facts.user}",
            )
        ]
    if facts.version < OLDEST_SYSTEMD:
        return [
            warning(
                f"systemd {facts.version} is older than {OLDEST_SYSTEMD}",
                "Beacon's units are made for, and tested with, newer ones",
                "upgrade the machine's release",
            )
        ]
    return [ok(f"systemd {facts.version}")]


def cgroups(facts: CgroupFacts, commands: Commands) -> list[Finding]:
    """Judge the controllers that limits need (systemd.resource-control(5))."""
    if not facts.unified:
        return [
            warning(
                "control groups of version 1 are mounted",
                "limits of [resources] count only in part, and Podman 6 does not run on them",
                "remove systemd.unified_cgroup_hierarchy=0 from the kernel's command line, and reboot",
            )
        ]
    absent = [controller for controller in CONTROLLERS if controller not in facts.controllers]
    mend = missing_remedy(absent, commands.scope)
    findings = [
        error(
            f"no control of {controller}: resources.{CONTROLLERS[controller]} in {listed(users)} is idle",
            "the service may take more than it was given",
            mend,
        )
        for controller in absent
        if (users := facts.needed.get(controller, ()))
    ]
    idle = [controller for controller in absent if controller not in facts.needed]
    if idle:
        keys = ", ".join(f"resources.{CONTROLLERS[controller]}" for controller in idle)
        what = f"no control of {', '.join(idle)} (cgroup.controllers)"
        findings.append(info(what, f"no definition sets {keys}, which would have no effect", mend))
    return findings or [ok(f"controllers {', '.join(CONTROLLERS)}")]


def account(facts: AccountFacts | None, commands: Commands) -> list[Finding]:
    """Judge what an ordinary user needs (subuid(5), newuidmap(1), loginctl(1))."""
    del commands
    return (
        []
        if facts is None
        else list(_account(facts)) or [ok(f"{facts.name} lingers and has subordinate ids")]
    )


def _account(facts: AccountFacts) -> Iterator[Finding]:
    name = facts.name
    if not facts.lingers:
        yield warning(
            f"{name} does not linger",
            "services stop with the last session and do not start at boot",
            f"sudo loginctl enable-linger {name}",
        )
    if not facts.mappers:
        yield error(
            "newuidmap or newgidmap is missing",
            "without root, Podman maps the ids of a container with them",
            "sudo apt install uidmap",
        )
    for count, path in ((facts.uids, "/etc/subuid"), (facts.gids, "/etc/subgid")):
        grow = f"sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {name}"
        if count == 0:
            yield error(f"{name} has no range in {path}", "containers of this user cannot run", grow)
        elif count < FEW_IDS:
            yield warning(
                f"{name} has only {count} ids in {path}",
                f"images with files of an owner above that cannot be unpacked; {FEW_IDS} do for all",
                grow,
            )


def ports(facts: PortFacts | None, commands: Commands) -> list[Finding]:
    """Judge the ports of the definitions (ip-sysctl, ip_unprivileged_port_start)."""
    del commands
    if facts is None:
        return []
    if not facts.low:
        return [ok(f"ports from {facts.lowest} on may be published")]
    lowest = min(port for _, port in facts.low)
    return [
        error(
            f"{name} publishes port {port}, and an ordinary user may take {facts.lowest} and above",
            "the service cannot be applied",
            f"sudo sysctl net.ipv4.ip_unprivileged_port_start={lowest} (and in /etc/sysctl.d, to stay)",
        )
        for name, port in facts.low
    ]


def clock(facts: ClockFacts, commands: Commands) -> list[Finding]:
    """Judge the clock."""
    switch_on = commands.root("timedatectl set-ntp true")
    if facts.now < facts.newest - _DAY:
        return [
            error(
                f"the clock says {_date(facts.now)}, but {facts.witness} is of {_date(facts.newest)}",
                "certificates of registries do not count yet, and windows and ages are judged wrongly",
                switch_on,
            )
        ]
    if facts.synchronized is None:
        return [info("nobody tells whether the clock is right", "timedatectl(1) does not answer")]
    if facts.synchronized:
        return [ok("the clock is synchronised")]
    if facts.container:
        return [
            info(
                f"the clock is not synchronised; it is that of the machine around this {facts.container}",
                "certificates and maintenance windows depend on it",
                "timedatectl set-ntp true, on that machine",
            )
        ]
    if facts.follows:
        return [
            warning(
                "the clock is not synchronised, though that is switched on",
                "certificates and maintenance windows depend on it",
                "timedatectl timesync-status",
            )
        ]
    return [
        warning(
            "the clock is not synchronised",
            "it drifts, until certificates of registries are refused and windows missed",
            f"{switch_on} (after apt install systemd-timesyncd, where there is none)",
        )
    ]


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def disks(facts: StorageFacts, commands: Commands) -> list[Finding]:
    """Judge the room for images, and how they are stored."""
    findings = [finding for disk in facts.disks for finding in _disk(disk, commands)]
    if facts.driver == "vfs":
        findings.append(
            warning(
                "images are stored by the driver vfs",
                "each layer is a whole copy: slow, and many times the room",
                'driver = "overlay" in storage.conf(5), then podman system reset (deletes all images)',
            )
        )
    for unit in facts.barred:
        name = unit.removesuffix(".service")
        findings.append(
            error(
                f"{unit} may not write {facts.root}, where Podman keeps its images",
                _WHY_BARRED[name],
                f"ReadWritePaths={facts.root} in [Service], by {commands.root(f'systemctl edit {name}')}",
            )
        )
    room = ", ".join(f"{size(disk.free)} for {disk.purpose}" for disk in facts.disks[:1])
    return findings or [ok(f"{room}, of {size(facts.disks[0].size)}" if facts.disks else "room enough")]


_WHY_BARRED = {
    "beacon-update": "the timer's runs cannot pull; beacon update by hand can",
    "beacon-endpoints": "the containers cannot be asked for their health, and nothing is published",
}


def _disk(disk: DiskFacts, commands: Commands) -> Iterator[Finding]:
    engine = commands.engine
    tidy = f"{engine} image prune --all" if "images" in disk.purpose else "journalctl --vacuum-size=100M"
    prune = commands.root(tidy) if "journalctl" in tidy else tidy
    where = f"{disk.path}, for {disk.purpose}"
    if disk.free < _TOO_LITTLE:
        why = "the next pull or write fails; what runs goes on"
        yield error(f"only {size(disk.free)} left in {where}", why, prune)
    elif disk.free < LITTLE_ROOM:
        yield warning(f"only {size(disk.free)} left in {where}", "a large image does not fit any more", prune)
    if disk.inodes and disk.free_inodes < disk.inodes * _SCARCE:
        yield warning(
            f"only {disk.free_inodes} of {disk.inodes} inodes are left in {where}",
            "no further file can be made when they are used up, however much room there is",
            prune,
        )


def size(count: float) -> str:
    """Return a number of bytes as people say it."""
    for unit in ("B", "KiB", "MiB"):
        if count < _KIBI:
            return f"{count:.0f} {unit}"
        count /= _KIBI
    return f"{count:.1f} GiB"


def command(facts: tuple[SearchPath, ...], commands: Commands) -> list[Finding]:
    """Judge which program is run by the name beacon: Debian's ax25-tools has one of that name too."""
    del commands
    findings: list[Finding] = []
    for path in facts:
        ours = [program for program in path.programs if program.ours]
        first = path.programs[0] if path.programs else None
        if first is None or not ours:
            continue
        if not first.ours:
            findings.append(
                warning(
                    f"{first.path} comes before {ours[0].path} in {path.who}, and is another program",
                    "what you type is not what you think",
                    f"{ours[0].path} doctor (write the whole path, or remove {first.path})",
                )
            )
        elif len(ours) > 1:
            findings.append(
                warning(
                    f"there are {len(ours)} installations of Beacon: {listed(one.path for one in ours)}",
                    f"you run {ours[0].path}, and the timer may run another",
                    "remove one: apt remove beacon, or install.sh --uninstall",
                )
            )
    return findings or [ok("no other program is called beacon")]
