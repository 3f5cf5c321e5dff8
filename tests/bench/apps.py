"""From `beacon app install` to an app that answers, beside a pull and a start by hand."""

from __future__ import annotations

import base64
import os

from tests.bench.golive import Watched, watch
from tests.bench.measure import Bar, Section, Spread, Table
from tests.lab.host import LabHost
from tests.lab.images import push

ROUNDS = 6
MIB = 20
OVER = 1.5
SERVICES = ("main", "db")
_REGISTRY = "registry.example:5000/bench"
_OURS, _THEIRS = 8081, 8082
_MANIFEST = """schema = "beacon-app/1"
[app]
id = "ours"
name = "Ours"
version = "1"
summary = "A page with a database"
license = "MIT"
[web]
port = 8080
host = 8081
[[option]]
name = "password"
type = "secret"
label = "Password"
[service.main]
image = "{registry}/ours-main:{version}"
networks = ["{{{{ instance }}}}"]
needs = ["{{{{ service.db }}}}"]
secret = [{{ name = "{{{{ secret.password }}}}" }}]
volume = [{{ name = "data", path = "/data" }}]
health = {{ http = {{ port = 8080, path = "/version" }} }}
[service.db]
image = "{registry}/ours-db:{version}"
networks = ["{{{{ instance }}}}"]
volume = [{{ name = "data", path = "/data" }}]
health = {{ command = "wget -q -O /dev/null http://127.0.0.1:8080/version" }}
[[file]]
path = "/etc/ours.conf"
content = "instance = {{{{ instance }}}}"
"""
_QUADLET = """[Unit]
{needs}

[Container]
Image={registry}/theirs-{service}:{version}
Network=theirs.network
Volume=theirs-{service}.volume:/data
{port}

[Service]
Restart=always
"""


def measure(host: LabHost) -> Section:
    """Compare the installation of an app of two services with what pulling and starting them costs."""
    ours: list[Watched] = []
    theirs: list[Watched] = []
    turns = [(_install, ours), (_by_hand, theirs)]
    for round_ in range(ROUNDS):
        for way, watched in turns:
            watched.append(way(host, f"v{round_}"))
        turns.reverse()
    app, hand = _spread(ours), _spread(theirs)
    over = app.least - hand.least
    section = Section(
        "From an app's name to an app that answers",
        f"An app of a page and its database, each of {MIB} MiB that do not compress, in a registry on the "
        "same host; with volumes, a network, a secret that is made and a file. Seconds from the start of "
        "`beacon app install` until the page answers. The peer is `podman pull` of both images and the start "
        "of two Quadlet units like them, which are written already; they take turns in going first. What "
        "Beacon does afterwards, to see that the app is healthy, is not in it.",
    )
    rows = (
        ("beacon app install", str(app)),
        ("podman pull, systemctl start", str(hand)),
        ("over what it takes by hand", f"{over:.2f}"),
    )
    section.tables.append(Table(("way", "the page answers"), rows))
    section.bars.append(Bar(f"{over:.2f} s over pull and start by hand, at most {OVER}", over <= OVER))
    return section


def _install(host: LabHost, version: str) -> Watched:
    """Install the app, and take it away again."""
    _push(host, "ours", version)
    host.write("/etc/beacon/catalog/ours.toml", _MANIFEST.format(registry=_REGISTRY, version=version))
    watched = watch(host, [("beacon", "app", "install", "ours")], _OURS, version)
    host.run("beacon", "app", "remove", "ours", "--purge", "--yes", timeout=120)
    host.run("podman", "image", "prune", "--all", "--force")
    return watched


def _by_hand(host: LabHost, version: str) -> Watched:
    """Pull the images and start the units, and take them away again."""
    _push(host, "theirs", version)
    for service in SERVICES:
        is_main = service == "main"
        text = _QUADLET.format(
            registry=_REGISTRY,
            service=service,
            version=version,
            port=f"PublishPort={_THEIRS}:8080" if is_main else "",
            needs="Wants=theirs-db.service\nAfter=theirs-db.service" if is_main else "",
        )
        host.write(f"/etc/containers/systemd/theirs-{service}.container", text)
        host.write(f"/etc/containers/systemd/theirs-{service}.volume", "[Volume]\n")
    host.write("/etc/containers/systemd/theirs.network", "[Network]\n")
    host.run("systemctl", "daemon-reload")
    pulls = [("podman", "pull", "--quiet", f"{_REGISTRY}/theirs-{service}:{version}") for service in SERVICES]
    watched = watch(host, [*pulls, ("systemctl", "start", "theirs-main.service")], _THEIRS, version)
    host.run("systemctl", "stop", "theirs-main.service", "theirs-db.service", "theirs-network.service")
    host.run("podman", "volume", "rm", "--all")
    host.run("podman", "network", "rm", "systemd-theirs")
    host.run("podman", "image", "prune", "--all", "--force")
    return watched


def _push(host: LabHost, name: str, version: str) -> None:
    for service in SERVICES:
        ballast = base64.b64encode(os.urandom(MIB << 20)).decode()  # packed, it is as big as what it holds
        push(
            host,
            f"{host.registry}/bench/{name}-{service}",
            tag=version,
            version=version,
            files={"b": ballast},
        )
    host.run("sync")  # what the push has left to write would slow whoever comes first


def _spread(watched: list[Watched]) -> Spread:
    return Spread(tuple(one.answered or float("inf") for one in watched))
