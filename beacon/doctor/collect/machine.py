"""The machine itself: its service manager, control groups, account, ports, clock and disks."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import beacon
from beacon.doctor.collect.engine import storage
from beacon.doctor.collect.survey import PUBLISH, UPDATE, Survey
from beacon.doctor.judge.facts import (
    AccountFacts,
    CgroupFacts,
    ClockFacts,
    DiskFacts,
    ManagerFacts,
    PortFacts,
    Program,
    SearchPath,
    StorageFacts,
)
from beacon.errors import BeaconError, MachineError
from beacon.model.limits import needed_controllers
from beacon.model.machine import Engine, Scope
from beacon.systemd.account import SUBORDINATE, lingers, lowest_port, subordinate_ids
from beacon.systemd.controllers import given_controllers
from beacon.systemd.version import installed_version

_SUDO_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Debian's secure_path (sudoers(5))."""
_PROGRAM = "beacon"
_OURS = (b"beacon.__main__", b"beacon.cli")


def manager(survey: Survey) -> ManagerFacts:
    """Look at systemd: the machine's, and the user's where that is the scope."""
    try:
        version: int | None = installed_version()
    except MachineError:
        version = None
    boots = Path("/run/systemd/system").is_dir()
    if not survey.is_user:
        return ManagerFacts(version, boots)
    runs = (survey.machine.paths.runtime.parent / "systemd").is_dir()
    return ManagerFacts(version, boots, survey.user, runs)


def cgroups(survey: Survey) -> CgroupFacts:
    """Look at the controllers that limits of the definitions need (systemd.resource-control(5))."""
    survey.require_manager()
    controllers = given_controllers(survey.uid if survey.is_user else None)
    needed: dict[str, list[str]] = {}
    for name, service in survey.decoded()[0].items():
        for controller in needed_controllers(service.resources):
            needed.setdefault(controller, []).append(name)
    users = {key: tuple(names) for key, names in needed.items()}
    return CgroupFacts(controllers is not None, controllers or frozenset(), users)


def account(survey: Survey) -> AccountFacts | None:
    """Look at what an ordinary user needs for containers (subuid(5), loginctl(1))."""
    if not survey.is_user or survey.uid == 0:
        return None
    uids, gids = (subordinate_ids(path, survey.user, survey.uid) for path in SUBORDINATE)
    return AccountFacts(
        name=survey.user,
        lingers=lingers(survey.user),
        uids=uids,
        gids=gids,
        mappers=all(shutil.which(tool) is not None for tool in ("newuidmap", "newgidmap")),
    )


def ports(survey: Survey) -> PortFacts | None:
    """Look at which ports are root's alone (ip-sysctl, ip_unprivileged_port_start)."""
    if not survey.is_user or survey.uid == 0:
        return None
    lowest = lowest_port()
    low = [
        (name, port.host_port)
        for name, service in sorted(survey.decoded()[0].items())
        for port in service.ports
        if port.host_port is not None and port.host_port < lowest
    ]
    return PortFacts(lowest, tuple(low))


def clock(survey: Survey) -> ClockFacts:
    """Look at the clock, and at what cannot be later than now."""
    synchronized: bool | None = None
    follows = False
    try:
        said = survey.run("timedatectl", "show", "--property=NTPSynchronized", "--property=NTP")
        values = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
        synchronized = values["NTPSynchronized"] == "yes"
        follows = values.get("NTP") == "yes"
    except (MachineError, KeyError):
        synchronized = None
    witnesses = {str(path): path.stat().st_mtime for path in _witnesses(survey) if path.exists()}
    witness = max(witnesses, key=lambda path: witnesses[path])
    return ClockFacts(time.time(), witnesses[witness], witness, synchronized, follows, _container())


def _witnesses(survey: Survey) -> Iterator[Path]:
    """Yield files that were written earlier than now: Beacon itself, and what it and systemd remember."""
    yield Path(beacon.__file__)
    yield Path("/var/lib/systemd/timesync/clock")
    yield Path("/var/lib/systemd/random-seed")
    yield survey.machine.paths.state / "checks.json"


def _container() -> str:
    """Return what systemd says of the container that the machine is (systemd-detect-virt(1))."""
    try:
        return Path("/run/systemd/container").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def disks(survey: Survey) -> StorageFacts:
    """Look at the room for images, for what is unpacked on the way, and for what Beacon writes."""
    known = survey.machine.paths
    places = {"what Beacon remembers": known.state, "the unit files": known.quadlet}
    driver = ""
    try:
        kind = survey.kind()
        driver, root = storage(survey)
        places = {"images": root, **places}
        if kind is Engine.PODMAN:
            # Large layers are there first (containers.conf(5), image_copy_tmp_dir).
            places["images while they are pulled"] = Path(os.environ.get("TMPDIR") or "/var/tmp")  # noqa: S108  # looked at only
    except BeaconError:
        if survey.is_user:
            raise
        places = {"images": Path("/var/lib/containers"), **places}
    found: dict[int, DiskFacts] = {}
    for purpose, path in places.items():
        near = _existing(path)
        place = near.stat().st_dev
        if place not in found:
            found[place] = _disk(near, purpose)
    return StorageFacts(
        driver, tuple(found.values()), _barred(survey, places["images"]), str(places["images"])
    )


def _barred(survey: Survey, root: Path) -> tuple[str, ...]:
    """Return which of Beacon's units Podman cannot pull in, or be asked in at all."""
    try:
        if survey.kind() is Engine.DOCKER:  # its daemon is in no sandbox
            return ()
        units = survey.units()
    except BeaconError:
        return ()
    publishes = units[PUBLISH].active == "active" or units[PUBLISH].enabled == "enabled"
    concerned = (UPDATE, PUBLISH) if publishes else (UPDATE,)
    return tuple(name for name in concerned if not units[name].sandbox.may_write(root))


def _existing(path: Path) -> Path:
    """Return *path*, or the nearest folder above it that is there and can be looked at."""
    while True:
        try:
            path.stat()
        except OSError:
            path = path.parent
        else:
            return path


def _disk(path: Path, purpose: str) -> DiskFacts:
    status = os.statvfs(path)
    return DiskFacts(
        path=str(path),
        purpose=purpose,
        size=status.f_blocks * status.f_frsize,
        free=status.f_bavail * status.f_frsize,
        inodes=status.f_files,
        free_inodes=status.f_favail,
    )


def command(survey: Survey) -> tuple[SearchPath, ...]:
    """Look at which program is run by ``beacon``, here and with sudo."""
    found = [SearchPath("your PATH", _programs(survey.machine.environment.get("PATH", "")))]
    if survey.machine.scope is Scope.SYSTEM and shutil.which("sudo") is not None:
        found.append(SearchPath("sudo's PATH", _programs(_SUDO_PATH)))
    return tuple(found)


def _programs(search: str) -> tuple[Program, ...]:
    seen: dict[Path, Program] = {}
    for folder in search.split(":"):
        path = Path(folder or ".") / _PROGRAM
        if path.is_file() and os.access(path, os.X_OK) and path.resolve() not in seen:
            seen[path.resolve()] = Program(str(path), _is_ours(path))
    return tuple(seen.values())


def _is_ours(path: Path) -> bool:
    """Say whether a program is this one, by the module that it starts; it is not run to find out."""
    if path.resolve() == Path(sys.argv[0]).resolve():
        return True
    try:
        with path.open("rb") as stream:
            head = stream.read(4096)
    except OSError:
        return True  # nobody's business to judge
    return any(mark in head for mark in _OURS)
