"""Requests while releases replace one another behind Caddy: how many are lost, and how long they wait."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measure import Bar, BenchError, Section, Spread, Table, number
from tests.lab.host import LabHost, wait_until
from tests.lab.images import Broken, draining_web, push

ROUNDS = 10
BEFORE, AROUND = 8, 16
"""Seconds of load: without a swap, and with one in it."""
RATE = 200
WAIT = 0.5
SLOWER = 3.0
RESTART = 20.0

_ASKER = Path(__file__).with_name("asker.lua")
_INSIDE = "/var/tmp/asker.lua"  # noqa: S108 (on a host of our own)
_DEFINITION = """image = "registry.example:5000/bench/web:latest"
[update]
settle = "2s"
[[endpoint]]
domain = "web.internal"
port = 8080
tls = false
{more}"""
_FILES = {"bin/web": draining_web()}
_VOLUME = '[[volume]]\nname = "data"\npath = "/data"\n'


@dataclass(frozen=True)
class Asked:
    """What wrk saw: milliseconds, and the versions that answered."""

    requests: int
    seconds: float
    failed: int
    wrong: int
    p50: float
    p99: float
    max: float
    seen: str

    @property
    def versions(self) -> set[str]:
        """The versions that answered."""
        return set(self.seen.split(";")) - {""}


def measure(host: LabHost) -> Section:
    """Swap a web service ten times under load; try a bad one; restart one that holds a volume."""
    host.write(_INSIDE, _ASKER.read_text())
    host.run("systemctl", "start", "network-online.target")
    _install(host, "")
    pairs = []
    for round_ in range(1, ROUNDS + 1):
        before = _ask(host, BEFORE)
        pairs.append((before, _update(host, f"v{round_}")))
        if pairs[-1][1].versions != {f"v{round_ - 1}", f"v{round_}"}:
            raise BenchError(f"round {round_}: {pairs[-1][1].seen} answered")
    bad = _update(host, "v99", broken="exit", status=20)
    host.run("beacon", "rm", "web")
    _install(host, _VOLUME)
    held = _update(host, "v1")
    return _section(pairs, bad, held, _restart(host))


def _restart(host: LabHost) -> float:
    """Return the seconds from when the unit was last asked to stop until it was up again."""
    names = ("ActiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic")
    shown = host.run("systemctl", "show", f"--property={','.join(names)}", "beacon-web.service").stdout
    values = dict(line.split("=") for line in shown.split())
    left, entered = (int(values[name]) / 1e6 for name in names)
    return entered - left


def _section(pairs: list[tuple[Asked, Asked]], bad: Asked, held: Asked, restart: float) -> Section:
    befores, swaps = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    section = Section(
        "No request lost",
        f"A web service behind Caddy is asked {RATE} times a second by wrk, over 20 connections, while "
        f"`beacon update` replaces its release: {ROUNDS} swaps, one of a version that exits, and one restart "
        "of a service with a volume, for which requests are held. Milliseconds.",
    )
    rows = (_row("nothing", befores), _row("swap", swaps), _row("bad candidate", [bad]), _row("wait", [held]))
    section.tables.append(Table(("while", "requests", "lost or wrong", "median", "p99", "longest"), rows))
    lost = sum(one.failed + one.wrong for one in swaps)
    asked = sum(one.requests for one in swaps)
    ratios = Spread(tuple(swap.p99 / before.p99 for before, swap in pairs))
    # A request that is never answered is none that failed, but its connection asks no more.
    rate = min(one.requests / one.seconds for one in (*swaps, held))
    section.bars += [
        Bar(f"{lost} of {asked} requests lost in {len(swaps)} swaps, at most 0", lost == 0),
        Bar(f"at least {number(rate)} requests a second, {RATE * 0.9:.0f} or more", rate >= RATE * 0.9),
        Bar(f"p99 in a swap {ratios.median:.2f} times that before, under {SLOWER:g}", ratios.median < SLOWER),
        Bar(f"{_lost([bad])} requests lost to a bad candidate, at most 0", bad.failed + bad.wrong == 0),
        Bar("the bad candidate answered none", bad.versions == {f"v{len(pairs)}"}),
        Bar(f"{_lost([held])} requests lost while held, at most 0", held.failed + held.wrong == 0),
        Bar(
            f"while held at most {held.max / 1000:.2f} s, the restart of {restart:.2f} s and {WAIT:g} s more",
            held.max / 1000 <= restart + WAIT,
        ),
    ]
    return section


def _row(what: str, asked: list[Asked]) -> tuple[str, ...]:
    spreads = (Spread(tuple(getattr(one, field) for one in asked)) for field in ("p50", "p99", "max"))
    texts = (str(spread) if len(asked) > 1 else number(spread.median) for spread in spreads)
    return (what, str(sum(one.requests for one in asked)), _lost(asked), *texts)


def _lost(asked: list[Asked]) -> str:
    return str(sum(one.failed + one.wrong for one in asked))


def _install(host: LabHost, more: str) -> None:
    push(host, f"{host.registry}/bench/web", version="v0", files=_FILES)
    host.write("/etc/beacon/services/web.toml", _DEFINITION.format(more=more))
    host.run("beacon", "apply", timeout=120)
    host.run("beacon", "endpoint", "setup", timeout=120)
    curl = ("curl", "--silent", "--header", "Host: web.internal", "http://127.0.0.1/version")
    wait_until(lambda: host.run(*curl, check=False).stdout == "v0\n", 60)


def _update(host: LabHost, version: str, *, broken: Broken | None = None, status: int = 0) -> Asked:
    push(host, f"{host.registry}/bench/web", version=version, broken=broken, files=None if broken else _FILES)
    wrk = host.start(*_wrk(AROUND))
    time.sleep(1)
    done = host.run("beacon", "update", check=False, timeout=120)
    if done.returncode != status:
        raise BenchError(f"beacon update: status {done.returncode}\n{done.stdout}{done.stderr}")
    if wrk.poll() is not None:
        raise BenchError("the update took longer than the load")
    return _read(wrk.communicate()[0])


def _ask(host: LabHost, seconds: int) -> Asked:
    return _read(host.run(*_wrk(seconds), timeout=seconds + 30).stdout)


def _wrk(seconds: int) -> list[str]:
    load = ["--threads", "1", "--connections", "20", "--timeout", f"{RESTART:.0f}s", "--script", _INSIDE]
    return ["wrk", *load, "--duration", f"{seconds}s", "http://127.0.0.1/version"]


def _read(said: str) -> Asked:
    line = next(line for line in said.splitlines() if line.startswith("JSON "))
    return Asked(**json.loads(line.removeprefix("JSON ")))
