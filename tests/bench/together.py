"""Many services on one image: one of them tries it, then all others are replaced side by side."""

from __future__ import annotations

import time

from tests.bench.measure import Bar, BenchError, Section, Table, number
from tests.lab.host import LabHost
from tests.lab.images import push

SERVICES = 30
MOST = 28.0
"""Seconds: twice the stop timeout and the settle time, and what is to be done between."""

_IMAGE = "registry.example:5000/bench/together"
_DEFINITION = f"""image = "{_IMAGE}:latest"

[update]
settle = "1s"

[stop]
timeout = "10s"
"""


def measure(host: LabHost) -> Section:
    """Time the update of services that ignore their stop signal, and a plain restart of all of them."""
    push(host, _IMAGE, broken="ignores-term")
    names = [f"together-{index:02}" for index in range(SERVICES)]
    for name in names:
        host.write(f"/etc/beacon/services/{name}.toml", _DEFINITION)
    host.run("beacon", "apply", timeout=300)
    plain = _seconds(host, "systemctl", "restart", *(f"beacon-{name}.service" for name in names))
    push(host, _IMAGE, version="2", broken="ignores-term")
    updated = _seconds(host, "beacon", "update", "--json")
    if host.run("beacon", "update", "--json").stdout.count('"up_to_date"') != SERVICES:
        raise BenchError("not all services were updated")
    section = Section(
        "Many services on one image",
        f"{SERVICES} services that ignore their stop signal, with a stop timeout of 10 s and a settle time "
        "of 1 s, get the next version of their one image. One of them tries it first. The peer is a restart "
        "of all their units at once, with nothing new.",
    )
    rows = (("systemctl restart", number(plain)), ("beacon update", number(updated)))
    section.tables.append(Table(("command", "seconds"), rows))
    said = f"{number(updated)} s for {SERVICES} services, at most {number(MOST)}"
    section.bars.append(Bar(f"{said}; {number(updated / plain)} times a plain restart", updated <= MOST))
    return section


def _seconds(host: LabHost, *command: str) -> float:
    began = time.monotonic()
    host.run(*command, timeout=600)
    return time.monotonic() - began
