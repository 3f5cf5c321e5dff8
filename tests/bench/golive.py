"""From a push to the version that answers, and back from a version that does not."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measure import Bar, BenchError, Section, Spread, Table, number
from tests.lab.host import LabHost
from tests.lab.images import Broken, push

ROUNDS = 8
MIB = 60
WITHIN = 1.2
SETTLE = 10
SLACK = 3.0
PATIENCE = 45

_WATCHER = Path(__file__).with_name("watcher.py")
_OURS, _THEIRS = 8081, 8082
_DEFINITION = """image = "registry.example:5000/bench/ours:latest"
init = true

[[port]]
host = "127.0.0.1:8081"
container = 8080
"""
_QUADLET = """[Container]
Image=registry.example:5000/bench/theirs:latest
PublishPort=127.0.0.1:8082:8080
RunInit=true
AutoUpdate=registry

[Service]
Restart=always
"""
_PULL = ("podman", "pull", "--quiet", "registry.example:5000/bench/theirs:latest")
_RESTART = ("systemctl", "restart", "theirs.service")
_UPDATE = ("beacon", "update", "ours")
_COUNTER = """#!/bin/sh
echo "$*" >>/var/tmp/podman.log
exec /usr/bin/podman "$@"
"""


@dataclass(frozen=True)
class Watched:
    """What a watcher saw, in seconds since the commands began."""

    answered: float | None
    silent_since: float | None
    silent: float
    ended: float | None


def measure(host: LabHost) -> Section:
    """Compare `beacon update` with a pull and a restart by hand, and with podman auto-update's way back."""
    _install(host)
    ours: list[Watched] = []
    theirs: list[Watched] = []
    turns: list[tuple[str, list[Sequence[str]], int, list[Watched]]] = [
        ("ours", [_UPDATE], _OURS, ours),
        ("theirs", [_PULL, _RESTART], _THEIRS, theirs),
    ]
    for round_ in range(1, ROUNDS + 1):
        version = f"v{round_}"
        for name, commands, port, watched in turns:
            _push(host, name, version)
            watched.append(watch(host, commands, port, version))
        turns.reverse()
    calls = _podman_calls(host)
    section = Section(
        "From push to live",
        f"A new version of a web service, {MIB} MiB that do not compress, in a registry on the same host. "
        "Seconds from the start of `beacon update` until the new version answers; the peer is `podman pull` "
        "and `systemctl restart` typed by hand for a Quadlet container like it; they take turns in going "
        "first. What Beacon does afterwards, "
        f"to see that the release stands for {SETTLE} s, is not in it. Down is how long nobody answered.",
    )
    live, hand = _spread(ours, "answered"), _spread(theirs, "answered")
    ratio = live.median / hand.median
    rows = (
        ("beacon update", str(live), str(_spread(ours, "silent"))),
        ("podman pull, systemctl restart", str(hand), str(_spread(theirs, "silent"))),
        ("beacon / by hand", f"{ratio:.2f}", ""),
    )
    section.tables.append(Table(("way", "new version answers", "down"), rows))
    section.bars.append(Bar(f"{ratio:.2f} times as long as by hand, at most {WITHIN}", ratio <= WITHIN))
    section.text += f" In the whole rollout podman is started {len(calls)} times: {', '.join(calls)}."
    return section


def measure_way_back(host: LabHost) -> Section:
    """Push a version that exits at once, and see who answers again, and when."""
    _install(host)
    for name in ("ours", "theirs"):
        _push(host, name, "bad", broken="exit")
    ours = watch(host, [_UPDATE], _OURS, "v0", back=True, statuses=None)
    theirs = watch(host, [("podman", "auto-update")], _THEIRS, "v0", back=True, statuses=None)
    section = Section(
        "Back from a bad image",
        "The new version exits at once. Seconds from when the old version no longer answered until it "
        f"answered again; the settle time is the default of {SETTLE} s. The peer is `podman auto-update`, "
        f"watched for {PATIENCE} s.",
    )
    away = ours.silent if ours.answered else float("inf")
    rows = (
        ("beacon update", f"{number(ours.silent)}" if ours.answered else "not at all"),
        ("podman auto-update", f"{number(theirs.silent)}" if theirs.answered else "not at all"),
    )
    section.tables.append(Table(("updater", "the old version answers again after"), rows))
    section.bars.append(Bar(f"{number(away)} s, at most {SETTLE} + {SLACK:.0f}", away <= SETTLE + SLACK))
    return section


def _install(host: LabHost) -> None:
    for name in ("ours", "theirs"):
        _push(host, name, "v0")
    host.write("/etc/beacon/services/ours.toml", _DEFINITION)
    host.write("/etc/containers/systemd/theirs.container", _QUADLET)
    host.run("beacon", "apply", timeout=120)
    host.run(*_PULL, timeout=120)
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "start", "theirs.service")
    for port in (_OURS, _THEIRS):
        watch(host, [], port, "v0")


def _push(host: LabHost, name: str, version: str, broken: Broken | None = None) -> None:
    ballast = base64.b64encode(os.urandom(MIB << 20)).decode()  # packed, it is as big as what it holds
    push(host, f"{host.registry}/bench/{name}", version=version, broken=broken, files={"ballast": ballast})
    host.run("sync")  # what the push has left to write would slow whoever comes first


def watch(  # noqa: PLR0913 (what is done, what is awaited, and how it may end)
    host: LabHost,
    commands: Sequence[Sequence[str]],
    port: int,
    until: str,
    *,
    back: bool = False,
    statuses: Sequence[int] | None = (0,),
) -> Watched:
    """Run *commands* on a host and see when *until* is answered at a port, *back* after it was gone."""
    asked = {"commands": commands, "port": port, "until": until, "timeout": PATIENCE, "back": back}
    inside = "/var/tmp/watcher.py"  # noqa: S108 (on a host of our own)
    host.write(inside, _WATCHER.read_text())
    said = json.loads(
        host.run("/usr/bin/python3", "-I", inside, input=json.dumps(asked), timeout=2 * PATIENCE).stdout
    )
    for result in said.pop("said"):
        if statuses is not None and result["status"] not in statuses:
            raise BenchError(f"status {result['status']}\n{result['output']}")
    watched = Watched(**said)
    if statuses is not None and watched.answered is None:
        raise BenchError(f"{until} was not answered on port {port} within {PATIENCE} s")
    return watched


def _podman_calls(host: LabHost) -> list[str]:
    """Return the podman commands of one rollout, from a wrapper in front of it."""
    host.write("/usr/local/bin/podman", _COUNTER, mode=0o755)
    _push(host, "ours", "counted")
    host.run(*_UPDATE, timeout=120)
    lines = host.read("/var/tmp/podman.log").splitlines()  # noqa: S108 (on a host of our own)
    host.run("rm", "/usr/local/bin/podman")
    return [" ".join(line.split()[: 2 if line.startswith("image ") else 1]) for line in lines]


def _spread(watched: Sequence[Watched], field: str) -> Spread:
    return Spread(tuple(getattr(one, field) for one in watched))
