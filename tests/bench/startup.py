"""What every call costs, and what stays when none runs."""

from __future__ import annotations

import json

from tests.bench.measure import Bar, BenchError, Section, Table, number, time_commands
from tests.lab.host import LabHost
from tests.lab.images import push

SERVICES = 50
VERSION_SECONDS = 0.15
STATUS_SECONDS = 0.3

_DEFINITION = """image = "registry.example:5000/bench/small:latest"

[update]
settle = "1s"
"""


def measure(host: LabHost) -> Section:
    """Time `beacon --version` and `beacon status` on a host with running services."""
    push(host, "registry.example:5000/bench/small")
    for number_ in range(SERVICES):
        host.write(f"/etc/beacon/services/small-{number_:02}.toml", _DEFINITION)
    host.run("beacon", "apply", timeout=300)
    services = json.loads(host.run("beacon", "status", "--json").stdout)["services"]
    active = [service for service in services if service["active"] == "active"]
    if len(active) != SERVICES:
        raise BenchError(f"{len(active)} services are active, not {SERVICES}")
    bare, version, status, peer = time_commands(
        host,
        ("python3", "-c", "pass"),
        ("beacon", "--version"),
        ("beacon", "status"),
        ("podman", "ps"),
        runs=15,
    )
    resident = _resident(host)
    section = Section(
        "Start",
        f"On a host with {SERVICES} services in running containers. Seconds of the whole process, Python's "
        "own start in it.",
    )
    rows = (
        ("python3 -c pass", str(bare.seconds), number(bare.peak)),
        ("beacon --version", str(version.seconds), number(version.peak)),
        (f"beacon status ({SERVICES} services)", str(status.seconds), number(status.peak)),
        (f"podman ps ({SERVICES} containers)", str(peer.seconds), number(peer.peak)),
    )
    section.tables.append(Table(("command", "seconds", "peak MiB"), rows))
    section.bars += [
        Bar(
            f"beacon --version: {number(version.seconds.least)} s, at most {VERSION_SECONDS}",
            version.seconds.least <= VERSION_SECONDS,
        ),
        Bar(
            f"beacon status: {number(status.seconds.least)} s, at most {STATUS_SECONDS}",
            status.seconds.least <= STATUS_SECONDS,
        ),
        Bar(
            f"between two runs of the timer, {len(resident)} processes of Beacon or Python are there, 0",
            not resident,
        ),
    ]
    return section


def _resident(host: LabHost) -> list[str]:
    """Return the processes that are Beacon's, or that any Python runs, while its services run."""
    processes = host.run("ps", "-eo", "comm=,args=").stdout.splitlines()
    return [line for line in processes if line.split()[0] == "beacon" or line.startswith("python")]
