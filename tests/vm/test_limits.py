"""Limits of [resources] hold a container's processes: in the control group that they really are in."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from tests.lab.host import wait_until
from tests.lab.images import ImageConfig
from tests.lab.kinds import DOCKER, QUADLET, ROOTLESS, Kind
from tests.lab.stage import Stage
from tests.vm.machine import VirtualHost

MIB = 2**20
MEMORY, CPUS, PIDS, IO_WEIGHT = 200 * MIB, 0.5, 64, 200
PERIOD = 100_000
"""Microseconds in which systemd has the kernel account for processor time (CPUQuotaPeriodSec=)."""
LIMITS = f"""
[resources]
memory = {MEMORY}
cpus = {CPUS}
pids = {PIDS}
io_weight = {IO_WEIGHT}
"""
DIRECTIVES = (f"MemoryMax={MEMORY}", f"CPUQuota={CPUS:.0%}", f"TasksMax={PIDS}", f"IOWeight={IO_WEIGHT}")
NOT_DELEGATED = ("io",)
"""What Debian's user@.service does not pass on to users' managers."""
ATTRIBUTES = ("memory.max", "cpu.max", "pids.max", "io.weight")
TAKE = f"""#!/bin/sh
# Take more memory than there is, when told to.
trap 'exit 0' TERM
while [ ! -e /www/take ]; do sleep 1; done
exec dd if=/dev/zero of=/dev/null bs={2 * MEMORY} count=1
"""
LOOK = """
group=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$1/cgroup")
while [ "$group" != /sys/fs/cgroup ]; do
    shift $#
    for attribute in memory.max cpu.max pids.max io.weight; do
        [ -e "$group/$attribute" ] && echo "$group $attribute $(cat "$group/$attribute")"
    done
    group=$(dirname "$group")
done
"""
BUSY = "for one in 1 2; do (while [ ! -e /www/rest ]; do :; done) & done; wait"
BREED = f"for child in $(seq {2 * PIDS}); do sleep 20 & done"
PATIENCE = 120.0
"""Seconds for what takes one on a real machine: these are slow, and this one may have other things to do."""
WATCHED = 5.0


@dataclass(frozen=True)
class Group:
    """A control group, and what its attributes are set to."""

    path: str
    attributes: Mapping[str, str]


@dataclass(frozen=True)
class Limited:
    """A service with limits, and what was said when it was applied."""

    stage: Stage
    said: str

    @property
    def controllers(self) -> tuple[str, ...]:
        """The controllers that the service's owner has."""
        return tuple(one for one in ("memory", "cpu", "pids", "io") if not self.lacks(one))

    def lacks(self, controller: str) -> bool:
        """Tell whether the owner is not given a controller."""
        return self.stage.kind.rootless and controller in NOT_DELEGATED

    def groups(self) -> list[Group]:
        """Return the control groups of the container's first process: its own, and all around it."""
        pid = str(self.stage.running()["State"]["Pid"])
        found: dict[str, dict[str, str]] = {}
        for line in self.stage.host.run("sh", "-c", LOOK, "look", pid).stdout.splitlines():
            path, attribute, value = line.split(" ", 2)
            found.setdefault(path, {})[attribute] = value
        return [Group(path, attributes) for path, attributes in found.items()]

    def limited_by(self, attribute: str, value: str) -> Group:
        """Return the outermost group around the container's process in which *attribute* is *value*."""
        groups = self.groups()
        holding = [group for group in groups if group.attributes.get(attribute) == value]
        assert holding, (attribute, value, groups)
        return holding[-1]

    def counted(self, group: Group, file: str) -> dict[str, int]:
        """Return what the kernel has counted in a group."""
        lines = self.stage.host.read(f"{group.path}/{file}").splitlines()
        return {key: int(value) for key, value in (line.split() for line in lines)}


@pytest.fixture(scope="module", params=[QUADLET, ROOTLESS, DOCKER], ids=str)
def limited(request: pytest.FixtureRequest, machine: VirtualHost) -> Iterator[Limited]:
    """Return a service with limits, on each kind of host in turn."""
    kind: Kind = request.param
    user = None
    if kind is DOCKER:
        machine.write("/etc/beacon/beacon.toml", 'engine = "docker"\n')
        machine.run("systemctl", "start", "docker")
    if kind.rootless:
        machine.run("systemctl", "start", "network-online.target")
        user = machine.add_user()
    stage = Stage(machine, kind, user)
    stage.push(config=ImageConfig(cmd=("/bin/take",)), files={"bin/take": TAKE})
    folder = f"{stage.config}/services"
    stage.run("mkdir", "--parents", folder)
    machine.write(f"{folder}/web.toml", f'image = "registry.example:5000/me/web:latest"\n{LIMITS}')
    said = stage.beacon("apply").stderr
    yield Limited(stage, said)
    stage.beacon("rm", "web")
    if kind is DOCKER:
        machine.run("rm", "/etc/beacon/beacon.toml")


def test_render_shows_the_limits(limited: Limited) -> None:
    shown = limited.stage.beacon("render", "web").stdout.splitlines()
    assert [line for line in shown if line in DIRECTIVES] == list(DIRECTIVES)


def test_the_engine_sets_no_lower_limit_of_processes(limited: Limited) -> None:
    """Podman's own is 2048, and docker's scope has what systemd gives to every unit."""
    assert limited.groups()[0].attributes["pids.max"] in {"max", str(PIDS)}


def test_limits_are_in_the_container_s_control_group(limited: Limited) -> None:
    groups = [
        limited.limited_by("memory.max", str(MEMORY)),
        limited.limited_by("cpu.max", f"{CPUS * PERIOD:.0f} {PERIOD}"),
        limited.limited_by("pids.max", str(PIDS)),
    ]
    if not limited.lacks("io"):
        groups.append(limited.limited_by("io.weight", f"default {IO_WEIGHT}"))
    unit = "beacon-web.slice" if limited.stage.kind is DOCKER else "beacon-web.service"
    assert {group.path.rpartition("/")[2] for group in groups} == {unit}


def test_apply_warns_of_what_is_not_delegated(limited: Limited) -> None:
    warnings = [line for line in limited.said.splitlines() if line.startswith("warning: resources.")]
    assert len(warnings) == (1 if limited.lacks("io") else 0), limited.said
    assert all("io_weight" in line and "Delegate=" in line for line in warnings)


def test_processor_time_is_held_to_the_quota(limited: Limited) -> None:
    group = limited.limited_by("cpu.max", f"{CPUS * PERIOD:.0f} {PERIOD}")
    busy = limited.stage.start(limited.stage.kind.engine, "exec", "beacon-web", "sh", "-c", BUSY)
    throttled = limited.counted(group, "cpu.stat")["nr_throttled"]
    wait_until(
        lambda: limited.counted(group, "cpu.stat")["nr_throttled"] > throttled + 3, PATIENCE, interval=1
    )
    measure = f"cut -d' ' -f1 /proc/uptime; cat {group.path}/cpu.stat"
    samples = []
    for _ in range(2):
        said = limited.stage.host.run("sh", "-c", measure).stdout
        usage = re.search(r"^usage_usec (\d+)$", said, re.MULTILINE)
        assert usage is not None
        samples.append((float(said.split()[0]), int(usage[1]) / 1e6))
        time.sleep(WATCHED)
    limited.stage.engine("exec", "beacon-web", "touch", "/www/rest")
    busy.communicate(timeout=PATIENCE)
    (began, before), (ended, after) = samples
    assert 0.5 * CPUS < (after - before) / (ended - began) < 1.2 * CPUS


def test_a_process_that_takes_too_much_memory_is_killed_and_started_again(limited: Limited) -> None:
    stage = limited.stage
    group = limited.limited_by("memory.max", str(MEMORY))
    first = stage.running()["Id"]
    since = stage.host.run("date", "+@%s").stdout.strip()
    before = restarts(stage)
    stage.engine("exec", "beacon-web", "touch", "/www/take")
    wait_until(lambda: restarts(stage) > before, PATIENCE, interval=1)
    wait_until(lambda: stage.active() == "active", PATIENCE, interval=1)
    assert stage.running()["Id"] != first
    killed = journal(stage, "--dmesg", "--grep=oom-kill:.*task=dd")
    assert f"oom_memcg={group.path.removeprefix('/sys/fs/cgroup')}," in killed
    assert "A process of this unit has been killed by the OOM killer" in journal(stage, f"--since={since}")


def restarts(stage: Stage) -> int:
    """Return how often systemd has started the service again by itself."""
    return int(stage.show("beacon-web.service", "NRestarts")["NRestarts"])


def journal(stage: Stage, *argv: str) -> str:
    """Return what the machine's journal says, of users' services too."""
    return stage.host.run("journalctl", "--quiet", "--output=cat", *argv).stdout


def test_no_more_processes_than_allowed(limited: Limited) -> None:
    group = limited.limited_by("pids.max", str(PIDS))
    engine = limited.stage.kind.engine
    bred = limited.stage.run(engine, "exec", "beacon-web", "sh", "-c", BREED, check=False)
    assert bred.returncode != 0
    assert "can't fork" in bred.stderr
    assert limited.counted(group, "pids.events")["max"] > 0
    assert int(limited.stage.host.read(f"{group.path}/pids.current")) <= PIDS
