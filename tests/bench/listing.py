"""What it costs to list a catalog of hundreds of apps, and to search it."""

from __future__ import annotations

from pathlib import Path

import beacon.catalog
from tests.bench.measure import Bar, BenchError, Section, Table, number, time_commands
from tests.lab.host import LabHost

MANIFESTS = 500
SECONDS = 0.3


def measure(host: LabHost) -> Section:
    """Time `beacon app list` with manifests of the owner's beside those that Beacon brings."""
    apps = sorted((Path(beacon.catalog.__file__).parent / "apps").glob("*.toml"))
    for index in range(MANIFESTS - len(apps)):
        app = apps[index % len(apps)]
        name = f"{app.stem}-{index}"
        text = app.read_text().replace(f'id = "{app.stem}"', f'id = "{name}"', 1)
        host.write(f"/etc/beacon/catalog/{name}.toml", text)
    version, listed, found = time_commands(
        host, ("beacon", "--version"), ("beacon", "app", "list"), ("beacon", "app", "list", "music"), runs=15
    )
    if f"{MANIFESTS} apps" not in listed.outputs[-1]:
        raise BenchError(f"not {MANIFESTS} apps are listed: {listed.outputs[-1][-80:]}")
    section = Section(
        "The catalog",
        f"{MANIFESTS} manifests, {len(apps)} of them Beacon's own. Seconds of the whole process.",
    )
    rows = (("beacon --version", version), ("beacon app list", listed), ("beacon app list music", found))
    section.tables.append(
        Table(
            ("command", "seconds", "processor seconds", "peak MiB"),
            tuple((name, str(one.seconds), str(one.cpu), number(one.peak)) for name, one in rows),
        )
    )
    section.bars += [
        Bar(f"{name}: {number(one.seconds.least)} s, at most {SECONDS}", one.seconds.least <= SECONDS)
        for name, one in rows[1:]
    ]
    return section
