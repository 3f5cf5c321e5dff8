"""Five hundred services in Redis and etcd: what a pass takes and writes, and how soon a stop is known."""

from __future__ import annotations

import re
import time
from pathlib import Path

from tests.bench.measure import Bar, BenchError, Section, Spread, Table, number, time_commands
from tests.lab.host import LabHost, wait_until
from tests.lab.stores import PASSWORD, LabEtcd, LabRedis

SERVICES = 500
PASS_SECONDS = 1.0
STOP_SECONDS = 1.0
MIB = 45
STOPS = 5

_GENERATE = Path(__file__).with_name("generate.py")
_UNIT = r"[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n"
_UNITS = f"""
cd /run/systemd/system
for number in $(seq --format=%04.0f 0 {SERVICES - 1}); do
    printf '{_UNIT}' >beacon-app-$number.service
done
systemctl daemon-reload
systemctl start $(ls beacon-app-*.service)
"""
_CONFIGURATION = f'[publish.redis]\npassword = "{PASSWORD}"\n[publish.etcd]\n'
_ONCE = ("beacon", "endpoint", "publish", "--once")


def measure(host: LabHost) -> Section:
    """Time passes over all services, and stops of one of them."""
    inside = "/var/tmp/generate.py"  # noqa: S108 (on a host of our own)
    host.write(inside, _GENERATE.read_text())
    host.run("python3", inside, str(SERVICES), "--domains", timeout=120)
    # Units without containers: five hundred of those would measure the machine's memory.
    host.run("sh", "-c", _UNITS, timeout=300)
    host.write("/etc/beacon/beacon.toml", _CONFIGURATION)
    redis, etcd = LabRedis(host), LabEtcd(host)
    redis.start()
    etcd.start()
    section = Section(
        "Publishing endpoints",
        f"{SERVICES} services, each with a domain and an active unit, published to a Redis and an etcd on "
        "the same host, in beachhead-companion's format. Seconds of the whole process, Python's start in it; "
        "a stop is timed from `systemctl stop` to the last of the two keys being gone, with the service "
        "resident.",
    )
    first = _timed(host, *_ONCE)
    _require(redis, etcd, SERVICES)
    revision, writes = _revision(etcd), _written(redis)
    (again,) = time_commands(host, _ONCE)
    wrote = (_revision(etcd) - revision, _written(redis) - writes)
    host.run("systemctl", "stop", "beacon-app-0007.service")
    revision, writes = _revision(etcd), _written(redis)
    one = _timed(host, *_ONCE)
    changed = (_revision(etcd) - revision, _written(redis) - writes)
    _require(redis, etcd, SERVICES - 1)

    host.run("beacon", "endpoint", "publish", "--enable", timeout=60)
    stops = Spread(
        tuple(_stop(host, redis, etcd, f"beacon-app-{index:04}") for index in range(10, 10 + STOPS))
    )
    resident = _resident_mib(host)
    host.run("beacon", "endpoint", "publish", "--disable", timeout=60)
    _require(redis, etcd, 0)
    redis.stop()
    etcd.stop()
    rows = (
        ("a pass that writes all", number(first)),
        ("a pass with nothing new", str(again.seconds)),
        ("a pass after one stop", number(one)),
        ("stop to gone, resident", str(stops)),
    )
    section.tables.append(Table(("what", "seconds"), rows))
    least = again.seconds.least
    section.bars += [
        Bar(f"a full pass takes {number(least)} s, at most {PASS_SECONDS}", least <= PASS_SECONDS),
        Bar(
            f"passes with nothing new wrote {wrote[0]} keys in etcd and {wrote[1]} in Redis", wrote == (0, 0)
        ),
        Bar(f"after one stop {changed[0]} write in etcd and {changed[1]} in Redis", changed == (1, 1)),
        Bar(
            f"a stop is known after {number(stops.median)} s, at most {STOP_SECONDS}",
            stops.median <= STOP_SECONDS,
        ),
        Bar(f"the resident service has {number(resident)} MiB, at most {MIB}", resident <= MIB),
    ]
    return section


def _timed(host: LabHost, *command: str) -> float:
    began = time.monotonic()
    host.run(*command, timeout=120)
    return time.monotonic() - began


def _require(redis: LabRedis, etcd: LabEtcd, count: int) -> None:
    there = (len(redis.keys()), len(etcd.keys()))
    if there != (count, count):
        raise BenchError(f"Redis and etcd have {there} keys, not {count} each")


def _revision(etcd: LabEtcd) -> int:
    """Return how often etcd has been written to."""
    found = re.search(r'"revision":(\d+)', etcd.ask("get", "x", "--write-out=json"))
    return int(found[1]) if found else 0


def _written(redis: LabRedis) -> int:
    """Return how many commands of Redis wrote or deleted keys."""
    said = redis.ask("info", "commandstats")
    return sum(int(calls) for calls in re.findall(r"cmdstat_(?:set|setex|del):calls=(\d+)", said))


def _stop(host: LabHost, redis: LabRedis, etcd: LabEtcd, name: str) -> float:
    machine = host.run("uname", "-n").stdout.strip()
    key = f"/beachhead/{machine}:{name.removeprefix('beacon-')}"
    if redis.get(key) is None:
        raise BenchError(f"{key} is not published")
    began = time.monotonic()
    host.start("systemctl", "stop", f"{name}.service")
    wait_until(lambda: redis.get(key) is None, interval=0.01)
    wait_until(lambda: not etcd.ask("get", key), interval=0.01)
    return time.monotonic() - began


def _resident_mib(host: LabHost) -> float:
    pid = host.run("systemctl", "show", "--property=MainPID", "--value", "beacon-endpoints").stdout.strip()
    return int(re.findall(r"VmRSS:\s+(\d+) kB", host.read(f"/proc/{pid}/status"))[0]) / 1024
