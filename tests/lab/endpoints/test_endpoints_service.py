"""beacon-endpoints.service on a real host: what becomes known how soon, and what it survives."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence

import pytest

from tests.lab.host import wait_until
from tests.lab.kinds import ROOTLESS
from tests.lab.stage import Stage
from tests.lab.stores import PASSWORD, LabEtcd, LabRedis

UNIT = "beacon-endpoints.service"
MEMORY_KIB = 45 * 1024
EXPOSURE = 3.5
DOMAIN = 'domain = "example.org:http=8080"'
BOTH = f'[publish.redis]\npassword = "{PASSWORD}"\n[publish.etcd]\n'
CHECKED = '[health]\ncommand = "test ! -e /tmp/ill"\ninterval = "1s"\ntimeout = "10s"\nretries = 2'


@pytest.fixture
def redis(stage: Stage) -> Iterator[LabRedis]:
    """Return a Redis of the host that is not started yet."""
    made = LabRedis(stage.host)
    yield made
    made.stop()


@pytest.fixture
def etcd(stage: Stage) -> Iterator[LabEtcd]:
    """Return an etcd of the host that is not started yet."""
    made = LabEtcd(stage.host)
    yield made
    made.stop()


def configure(stage: Stage, text: str) -> None:
    """Write beacon.toml."""
    stage.write(f"{stage.config}/beacon.toml", text)


def key(stage: Stage, name: str = "web") -> str:
    """Return the key of a service."""
    machine = stage.host.run("uname", "-n").stdout.strip()
    return f"/beachhead/{stage.user.name}@{machine}:{name}" if stage.user else f"/beachhead/{machine}:{name}"


def publish(stage: Stage, *names: str) -> None:
    """Have services with a domain each."""
    for name in names:
        stage.push(name)
        stage.define(name, top=f'domain = "{name}.example.org:http=8080"')
    stage.apply()


def status(stage: Stage) -> str:
    """Return what the service says of itself."""
    return stage.show(UNIT, "StatusText")["StatusText"]


def process(stage: Stage) -> int:
    """Return the main process of the service."""
    return int(stage.show(UNIT, "MainPID")["MainPID"])


def memory(stage: Stage) -> int:
    """Return the resident memory of the service, in KiB, what it shares with others included."""
    said = stage.host.read(f"/proc/{process(stage)}/status")
    return int(re.findall(r"VmRSS:\s+(\d+) kB", said)[0])


def wait_for(stores: Sequence[LabRedis | LabEtcd], name: str, text: str | None, limit: float) -> float:
    """Wait until all stores say *text* somewhere in the value of a key, or None; return after how long."""
    began = time.monotonic()

    def is_so() -> bool:
        values = [store.get(name) for store in stores]
        return all(value is None if text is None else text in (value or "") for value in values)

    wait_until(is_so, limit, interval=0.02)
    return time.monotonic() - began


def stop(stage: Stage, stores: Sequence[LabRedis | LabEtcd]) -> float:
    """Stop a service; return how long after the command its keys are gone."""
    stopping = stage.start("systemctl", "stop", "beacon-web.service")
    try:
        return wait_for(stores, key(stage), None, 10)
    finally:
        stopping.communicate()


def test_stops_starts_and_changes_are_known_at_once(stage: Stage, redis: LabRedis, etcd: LabEtcd) -> None:
    redis.start()
    etcd.start()
    publish(stage, "web", "shop")
    refused = stage.beacon("endpoint", "publish", "--enable", status=78)
    assert "has no table such as [publish.redis]" in refused.stderr
    assert stage.show(UNIT, "ActiveState", "UnitFileState") == {
        "ActiveState": "inactive",
        "UnitFileState": "disabled",
    }

    configure(stage, BOTH)
    stage.beacon("endpoint", "publish", "--enable")
    shown = stage.show(UNIT, "ActiveState", "UnitFileState", "Type", "WatchdogUSec")
    assert shown == {
        "ActiveState": "active",
        "UnitFileState": "enabled",
        "Type": "notify",
        "WatchdogUSec": "1min 30s",
    }
    stores = (redis, etcd)
    wait_for(stores, key(stage), "web.example.org", 5)
    text = "2 endpoints of 2 services published to redis://localhost:6379/0 and http://localhost:2379"
    wait_until(lambda: status(stage) == text)

    # A stop is known before it is done, a start when it is.
    assert stop(stage, stores) < 1
    assert redis.get(key(stage, "shop")) is not None
    stage.systemctl("start", "beacon-web.service")
    assert wait_for(stores, key(stage), "web.example.org", 10) < 1

    # What is applied without a restart, what goes away, and what crashes for good.
    stage.define("web", top='domain = "other.example.org:http=8080"')
    stage.apply()
    wait_for(stores, key(stage), "other.example.org", 3)
    stage.beacon("rm", "shop")
    wait_for(stores, key(stage, "shop"), None, 3)
    before = stage.invocations("web")
    stage.engine("kill", "beacon-web")
    wait_until(lambda: stage.invocations("web") != before)
    wait_for(stores, key(stage), "other.example.org", 5)

    # Nothing else happens: nothing is written. What it takes, and what it may.
    revision = etcd.rows()[key(stage)]["mod_revision"]
    assert memory(stage) < MEMORY_KIB
    security = stage.host.run("systemd-analyze", "security", "--no-pager", UNIT).stdout
    assert float(re.findall(r"exposure level for .*: ([\d.]+)", security)[0]) < EXPOSURE
    time.sleep(12)
    assert etcd.rows()[key(stage)]["mod_revision"] == revision

    stage.beacon("endpoint", "publish", "--disable")
    assert (redis.keys(), etcd.keys()) == (set(), set())
    assert stage.show(UNIT, "ActiveState", "UnitFileState") == {
        "ActiveState": "inactive",
        "UnitFileState": "disabled",
    }


@pytest.mark.every_kind
@pytest.mark.not_on(ROOTLESS)
def test_health_withdraws_or_marks(stage: Stage, redis: LabRedis) -> None:
    redis.start()
    configure(stage, f'[publish.redis]\npassword = "{PASSWORD}"\n')
    for name, policy in (("web", "withdraw"), ("shop", "mark")):
        stage.push(name)
        endpoint = f'[[endpoint]]\ndomain = "{name}.org"\nport = 8080\nhealth = "{policy}"'
        stage.define(name, more=f"{CHECKED}\n{endpoint}")
    stage.apply()
    stage.beacon("endpoint", "publish", "--enable")
    wait_for([redis], key(stage), "web.org", 15)
    for name in ("web", "shop"):
        stage.engine("exec", f"beacon-{name}", "touch", "/tmp/ill")  # noqa: S108 (in the container)
    wait_for([redis], key(stage), None, 20)
    wait_for([redis], key(stage, "shop"), '"state":"unhealthy"', 20)
    for name in ("web", "shop"):
        stage.engine("exec", f"beacon-{name}", "rm", "/tmp/ill")  # noqa: S108 (in the container)
    wait_for([redis], key(stage), "web.org", 20)
    wait_until(lambda: "state" not in str(redis.get(key(stage, "shop"))), 20)
    assert stop(stage, [redis]) < 1


def test_stores_that_are_away_full_or_refuse(stage: Stage, redis: LabRedis, etcd: LabEtcd) -> None:
    etcd.start()
    publish(stage, "web", "shop")
    configure(stage, BOTH)

    # Away at the start: the other one is told, and this one as soon as it is there.
    begun = stage.beacon("endpoint", "publish", "--enable")
    assert "cannot reach redis://localhost:6379/0" in begun.stderr
    wait_for([etcd], key(stage), "web.example.org", 5)
    wait_until(lambda: "cannot reach redis://localhost:6379/0" in status(stage))
    assert "published to http://localhost:2379; " in status(stage)
    redis.start()
    wait_for([redis], key(stage), "web.example.org", 30)

    # Restarted, and empty.
    redis.stop()
    redis.start()
    assert wait_for([redis], key(stage), "web.example.org", 30) < 15
    etcd.stop()
    etcd.start()
    wait_for([etcd], key(stage), "web.example.org", 60)

    # Full: what stops is deleted all the same, and what is new comes when there is room.
    redis.ask("config", "set", "maxmemory", "1")
    stage.define("shop", top='domain = "new.example.org:http=8080"')
    stage.apply()
    wait_until(lambda: "redis://localhost:6379/0 is full" in status(stage))
    stage.beacon("stop", "web")
    wait_for([redis], key(stage), None, 5)
    redis.ask("config", "set", "maxmemory", "0")
    wait_for([redis], key(stage, "shop"), "new.example.org", 70)

    # A password that is wrong, a file that makes no sense, and a store that is told no more.
    configure(stage, BOTH.replace(PASSWORD, "wrong"))
    wait_until(lambda: "refuses the user or the password" in status(stage))
    configure(stage, "[publish.redis\n")
    wait_until(lambda: "makes no sense" in stage.host.run("journalctl", "-u", UNIT).stdout)
    configure(stage, BOTH)
    wait_until(lambda: "1 endpoint of 1 service published to redis" in status(stage))
    configure(stage, f'[publish.redis]\npassword = "{PASSWORD}"\n')
    wait_until(lambda: etcd.keys() == set())
    assert redis.keys() == {key(stage, "shop")}
    said = stage.host.run("journalctl", "-u", UNIT, "-o", "cat").stdout
    assert said.count("cannot reach redis") < 10


def test_a_file_that_is_written_while_the_last_one_is_taken_up_counts(
    stage: Stage, redis: LabRedis, etcd: LabEtcd
) -> None:
    redis.start()
    etcd.start()
    publish(stage, "web")
    configure(stage, BOTH)
    stage.beacon("endpoint", "publish", "--enable")
    # What was told to a store is taken back first, and this one takes its time.
    stage.systemctl("kill", "--signal=STOP", etcd.unit)
    configure(stage, f'[publish.redis]\npassword = "{PASSWORD}"\n')
    wait_until(lambda: "beacon.toml is new" in stage.host.run("journalctl", "-u", UNIT).stdout)
    configure(stage, f'[publish.redis]\npassword = "{PASSWORD}"\nprefix = "/newest/"\n')
    newest = key(stage).replace("/beachhead/", "/newest/")
    wait_until(lambda: redis.keys() == {newest}, 30)


def test_killed_it_comes_back_and_knows_what_it_wrote(stage: Stage, redis: LabRedis) -> None:
    redis.start()
    publish(stage, "web", "shop")
    configure(stage, f'[publish.redis]\npassword = "{PASSWORD}"\nexpire = "off"\n')
    stage.beacon("endpoint", "publish", "--enable")
    wait_until(lambda: len(redis.keys()) == 2)
    first = process(stage)
    stage.systemctl("kill", "--signal=KILL", UNIT)
    stage.beacon("rm", "shop")
    wait_until(lambda: process(stage) not in {0, first}, 15)
    wait_until(lambda: redis.keys() == {key(stage)}, 15)
    # A hang is ended by the watchdog.
    drop_in = f"/run/systemd/system/{UNIT}.d/quick.conf"
    stage.host.write(drop_in, "[Service]\nWatchdogSec=2\nTimeoutAbortSec=1\n")
    stage.systemctl("daemon-reload")
    stage.systemctl("restart", UNIT)
    second = process(stage)
    stage.host.run("kill", "-STOP", str(second))
    wait_until(lambda: process(stage) not in {0, second}, 15)
    # Ended in order, it leaves what is published.
    stage.systemctl("stop", UNIT)
    assert redis.keys() == {key(stage)}
    assert stage.show(UNIT, "Result")["Result"] == "success"


def test_a_user_s_services_have_their_own(host: object, redis_of_user: tuple[Stage, LabRedis]) -> None:
    del host
    stage, redis = redis_of_user
    publish(stage, "web")
    configure(stage, f'[publish.redis]\npassword = "{PASSWORD}"\n')
    stage.beacon("endpoint", "publish", "--enable")
    wait_for([redis], key(stage), "web.example.org", 5)
    stage.systemctl("stop", "beacon-web.service")
    wait_for([redis], key(stage), None, 2)
    stage.systemctl("start", "beacon-web.service")
    wait_for([redis], key(stage), "web.example.org", 5)
    stage.beacon("endpoint", "publish", "--disable")
    assert redis.keys() == set()


@pytest.fixture
def redis_of_user(request: pytest.FixtureRequest) -> Iterator[tuple[Stage, LabRedis]]:
    """Return an ordinary user's stage, and a Redis that is started."""
    host = request.getfixturevalue("host")
    host.run("systemctl", "start", "network-online.target")
    stage = Stage(host, ROOTLESS, host.add_user())
    redis = LabRedis(host)
    redis.start()
    yield stage, redis
    redis.stop()
