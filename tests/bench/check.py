"""Nothing is new: what it takes to find that out for 30 services whose registry is 50 ms away."""

from __future__ import annotations

from tests.bench.far import FarRegistry
from tests.bench.measure import Bar, BenchError, Section, Table, Timing, number, time_commands
from tests.lab.host import REGISTRY_PORT, LabHost, wait_until
from tests.lab.images import push

SERVICES = 30
SHARING = 5
DELAY = 0.05
TIMES_FASTER = 8
AIM = 0.3
PROXY_PORT = 5001
PROXY = f"proxy.example:{PROXY_PORT}"

_BEACON = ("beacon", "update", "--check")
_PODMAN = ("podman", "auto-update", "--dry-run")
_QUADLET = """[Container]
Image={image}
AutoUpdate=registry
StopTimeout=1
"""
_DEFINITION = """image = "{image}"
init = true

[update]
settle = "1s"

[stop]
timeout = "1s"
"""


def measure(host: LabHost) -> Section:
    """Compare `beacon update --check` with `podman auto-update --dry-run`."""
    section = Section(
        "A check that finds nothing new",
        f"{SERVICES} running services on {SERVICES} repositories, all up to date; a proxy in front of the "
        f"registry answers every HTTP request {DELAY * 1000:.0f} ms late. The peer is "
        "`podman auto-update --dry-run` with as many Quadlet containers of its own on the same images, "
        "labelled for it. Seconds of the whole process. The ratio is that of the least: podman mostly waits, "
        "while Beacon mostly computes, so that a busy machine makes only Beacon slower.",
    )
    rows = []
    here = (host.ground.slot.address(1), PROXY_PORT)
    with FarRegistry((host.address, REGISTRY_PORT), here, DELAY) as proxy:
        for kind, index in (("plain manifests", False), ("indexes", True)):
            _install(host, index=index)
            ours, theirs = time_commands(host, _BEACON, _PODMAN)
            _verify(ours, theirs)
            heads, manifests, total = _requests(host, proxy, _BEACON)
            their_heads, their_manifests, their_total = _requests(host, proxy, _PODMAN)
            ratio = theirs.seconds.least / ours.seconds.least
            rows += [
                (kind, "beacon", str(ours.seconds), str(total), str(heads), str(manifests)),
                ("", "podman", str(theirs.seconds), str(their_total), str(their_heads), str(their_manifests)),
                ("", "podman / beacon", f"{ratio:.1f}", "", "", ""),
            ]
            section.bars += [
                Bar(f"{kind}: {ratio:.1f} times as fast, at least {TIMES_FASTER}", ratio >= TIMES_FASTER),
                Bar(
                    f"{kind}: {heads} HEADs and {manifests} GETs of manifests, {SERVICES} and 0",
                    (heads, manifests) == (SERVICES, 0),
                ),
                Bar(
                    f"{kind}: {number(ours.seconds.least)} s, at most {AIM} s with Python's start",
                    ours.seconds.least <= AIM,
                ),
            ]
            _remove(host)
        shared, requests = _share(host, proxy)
        section.bars.append(
            Bar(
                f"{SHARING} services on one image: {shared} HEAD of {requests} requests",
                (shared, requests) == (1, 1),
            )
        )
    section.tables.append(
        Table(("images", "checker", "seconds", "requests", "HEADs", "GETs of manifests"), tuple(rows))
    )
    return section


def _install(host: LabHost, *, index: bool) -> None:
    """Have Beacon and Quadlet run the same images."""
    for number_ in range(SERVICES):
        repository = f"bench/{'index' if index else 'plain'}-{number_:02}"
        push(host, f"{host.registry}/{repository}", version=repository, index=index)
        image = f"{PROXY}/{repository}:latest"
        host.write(f"/etc/beacon/services/app-{number_:02}.toml", _DEFINITION.format(image=image))
        host.write(f"/etc/containers/systemd/peer-{number_:02}.container", _QUADLET.format(image=image))
    host.run("beacon", "apply", timeout=300)
    host.run("systemctl", "daemon-reload")
    units = [f"peer-{number_:02}.service" for number_ in range(SERVICES)]
    host.run("systemctl", "start", *units, timeout=300)
    running = host.run("podman", "ps", "--quiet").stdout.split()
    if len(running) != 2 * SERVICES:
        raise BenchError(f"{len(running)} containers are running, not {2 * SERVICES}")


def _verify(ours: Timing, theirs: Timing) -> None:
    """See that both looked at every service, and found nothing."""
    for output in ours.outputs:
        if output.count("up to date") < SERVICES:
            raise BenchError(f"beacon did not find {SERVICES} services up to date:\n{output}")
    for output in theirs.outputs:
        if output.count("peer-") < SERVICES or "pending" in output:
            raise BenchError(f"podman did not find {SERVICES} containers up to date:\n{output}")


def _requests(host: LabHost, proxy: FarRegistry, command: tuple[str, ...]) -> tuple[int, int, int]:
    """Return how many HEADs, GETs of manifests, and requests at all a command makes."""
    proxy.requests.clear()
    host.run(*command)
    return proxy.count("HEAD"), proxy.count("GET", "/manifests/"), proxy.count()


def _share(host: LabHost, proxy: FarRegistry) -> tuple[int, int]:
    """Return the HEADs and the requests of a check of several services on one image."""
    push(host, f"{host.registry}/bench/shared")
    image = f"{PROXY}/bench/shared:latest"
    for number_ in range(SHARING):
        host.write(f"/etc/beacon/services/app-{number_:02}.toml", _DEFINITION.format(image=image))
    host.run("beacon", "apply", timeout=120)
    heads, _, total = _requests(host, proxy, _BEACON)
    _remove(host)
    return heads, total


def _remove(host: LabHost) -> None:
    """Take all services away."""
    host.run("beacon", "rm", "--all", timeout=300)
    host.run("sh", "-c", "cd /etc/containers/systemd && systemctl stop 'peer-*' && rm -f peer-*", timeout=300)
    host.run("systemctl", "daemon-reload")
    wait_until(lambda: not host.run("podman", "ps", "--quiet").stdout.split(), 60)
