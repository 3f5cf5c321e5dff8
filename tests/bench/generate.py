"""Make a machine with many services, on a test host with its own Python: definitions, and releases that live.

Every service has a definition of the usual size and two releases, so that neither a registry nor an engine is
asked for anything: `python3 generate.py COUNT`; with --domains each has an endpoint too, with --upgraded the
definitions were read by another version of Beacon.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

from msgspec.structs import replace

from beacon import __version__
from beacon.definition.decode import decode
from beacon.model.image import ImageConfig, ImageHealth, Platform
from beacon.model.reference import Digest
from beacon.model.release import Release, ReleaseState, ServiceState, Trigger
from beacon.state.store import StateStore

DEFINITIONS = Path("/etc/beacon/services")
STATES = Path("/var/lib/beacon")

DEFINITION = """image = "registry.example:5000/team/app-{number}:1"
description = "Application {number}, which somebody needs"
needs = [{needs}]
networks = ["backend"]

[env]
GREETING = "hello, it is 100% app {number}"
DATABASE_URL = "postgres://app:secret@database/app?sslmode=disable"
WORKERS = 4
DEBUG = false

[labels]
"org.example.team" = "team {number}"

[[port]]
host = "127.0.0.1:{port}"
container = 8080

[[volume]]
name = "data"
path = "/data"

[[volume]]
host = "/srv/media"
path = "/media"
read_only = true

[health]
http = {{ port = 8080, path = "/health" }}
interval = "10s"

[resources]
memory = "512M"

[update]
window = "daily 02:00-05:00"
"""


def digest(text: str) -> Digest:
    """Return the digest of anything."""
    return Digest("sha256:" + hashlib.sha256(text.encode()).hexdigest())


def state(name: str, text: str, reader: str) -> ServiceState:
    """Return what is remembered of a service that was updated once."""
    service = decode(text, name=name, file=f"{name}.toml")
    image = ImageConfig(
        image_id=digest(f"{name} image"),
        platform=Platform("linux", "amd64"),
        entrypoint=("/usr/bin/app",),
        command=("--listen", "0.0.0.0:8080"),
        env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"},
        exposed_ports=("8080/tcp",),
        volumes=("/data", "/var/cache/app"),
        health=ImageHealth(("CMD-SHELL", "wget -qO- http://127.0.0.1:8080/"), interval=30.0),
        labels={"org.opencontainers.image.title": name, "io.beacon.stop.timeout": "5s"},
    )
    live = Release(
        number=2,
        service=service,
        reference=service.image,
        tag_digest=digest(f"{name} index"),
        digest=digest(f"{name} manifest"),
        image=image,
        state=ReleaseState.LIVE,
        trigger=Trigger.UPDATE,
        created="2026-01-02T03:04:05Z",
        finished="2026-01-02T03:04:15Z",
        definition=hashlib.sha256(text.encode()).hexdigest(),
        reader=reader,
    )
    old = replace(live, number=1, digest=digest(f"{name} old"), state=ReleaseState.SUPERSEDED)
    return ServiceState(name, (old, live), live=2, previous=1)


def main(count: int, *, domains: bool, reader: str) -> None:
    """Make *count* services, and no others."""
    shutil.rmtree(DEFINITIONS, ignore_errors=True)
    shutil.rmtree(STATES / "services", ignore_errors=True)
    DEFINITIONS.mkdir(parents=True)
    store = StateStore(STATES, Path("/run/beacon"))
    for number in range(count):
        name = f"app-{number:04}"
        needs = f'"app-{number - 1:04}"' if number % 10 else ""
        text = DEFINITION.format(number=number, port=10000 + number, needs=needs)
        if domains:
            text = f'domain = "app-{number}.example.org:http=8080"\n{text}'
        (DEFINITIONS / f"{name}.toml").write_text(text)
        store.save(state(name, text, reader))


if __name__ == "__main__":
    main(
        int(sys.argv[1]),
        domains="--domains" in sys.argv,
        reader="" if "--upgraded" in sys.argv else __version__,
    )
