"""Endpoints in stores that others read, on a real host: Redis, etcd, Traefik's keys, files."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.lab.stage import QUICK, Stage
from tests.lab.stores import PASSWORD, SOCKET, LabEtcd, LabRedis


@pytest.fixture
def redis(stage: Stage) -> Iterator[LabRedis]:
    """Return a Redis of the host, with a password, which is gone after the test."""
    made = LabRedis(stage.host)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def etcd(stage: Stage) -> Iterator[LabEtcd]:
    """Return an etcd of the host, which is gone after the test."""
    made = LabEtcd(stage.host)
    made.start()
    yield made
    made.stop()


def configure(stage: Stage, *, password: str = PASSWORD, more: str = "") -> None:
    """Write beacon.toml with a Redis."""
    stage.write(f"{stage.config}/beacon.toml", f'[publish.redis]\npassword = "{password}"\n{more}\n')


def machine(stage: Stage) -> str:
    """Return the name of the host."""
    return stage.host.run("uname", "-n").stdout.strip()


def test_redis_says_what_is_up(stage: Stage, redis: LabRedis) -> None:
    key = f"/beachhead/{machine(stage)}:web"
    stage.push("web")
    stage.define("web", top='domain = "example.org:http=8080 www.example.org:https=8080"')
    stage.apply()
    refused = stage.beacon("endpoint", "publish", "--once", status=78)
    assert "has no table such as [publish.redis]" in refused.stderr
    configure(stage)
    redis.ask("set", f"/beachhead/{machine(stage)}:other", "not Beacon's")

    shown = stage.beacon("endpoint", "publish", "--dry-run")
    assert shown.stdout.startswith(f"{key} [")
    assert redis.get(key) is None

    stage.beacon("endpoint", "publish", "--once")
    port = stage.port("web")
    assert redis.get(key) == (
        f'[{{"domain":"example.org","http":{{"host":"127.0.0.1","port":{port}}},"id":"example_org"}},'
        f'{{"domain":"www.example.org","https":{{"host":"127.0.0.1","port":{port}}},"id":"www_example_org"}}]'
    )
    assert 50 < int(redis.ask("ttl", key)) <= 60

    # What is right is not written again, but lives on; by a unix socket it is the same.
    redis.ask("expire", key, "20")
    configure(stage, more=f'socket = "{SOCKET}"')
    again = json.loads(stage.beacon("endpoint", "publish", "--once", "--json").stdout)
    assert again["stores"][0]["store"] == f"unix://{SOCKET}?db=0"
    assert (again["stores"][0]["written"], again["stores"][0]["done"]) == ([], True)
    assert 50 < int(redis.ask("ttl", key)) <= 60

    # without expiry; then stopped, then gone, under another prefix
    configure(stage)
    stage.beacon("endpoint", "publish", "--once")
    configure(stage, more='expire = "off"\nprefix = "/x/"')
    stage.beacon("endpoint", "publish", "--once")
    assert (redis.ask("ttl", f"/x/{machine(stage)}:web"), redis.get(key)) == ("-1", None)
    stage.beacon("stop", "web")
    left_out = stage.beacon("endpoint", "publish", "--once", "--strict", status=65)
    assert "example.org of web is not published: the service is down" in left_out.stderr
    assert redis.get(f"/x/{machine(stage)}:web") is None
    stage.beacon("start", "web")
    stage.beacon("endpoint", "publish", "--once", "--strict")
    assert redis.get(f"/x/{machine(stage)}:web") is not None
    stage.beacon("rm", "web")
    stage.beacon("endpoint", "publish", "--once")
    assert redis.keys() == {f"/beachhead/{machine(stage)}:other"}


def test_a_domain_that_beacon_chose_is_published(stage: Stage, redis: LabRedis) -> None:
    chosen = stage.beacon("endpoint", "name", "web").stdout.strip()
    image = stage.push("web", config=QUICK).tagged
    configure(stage)
    stage.beacon("add", "web", image, "--domain=auto:http=8080")
    stage.beacon("endpoint", "publish", "--once")
    value = json.loads(redis.get(f"/beachhead/{machine(stage)}:web") or "[]")
    assert [one["domain"] for one in value] == [chosen]


def test_a_redis_that_refuses_is_told(stage: Stage, redis: LabRedis) -> None:
    for name in ("web", "shop"):
        stage.push(name)
        stage.define(name, top=f'domain = "{name}.example.org:http=8080"')
    stage.apply()
    configure(stage, password="wrong")  # noqa: S106
    refused = stage.beacon("endpoint", "publish", "--once", status=78)
    assert "refuses the user or the password" in refused.stderr

    # Full: nothing new is taken, but what stopped is deleted all the same.
    configure(stage)
    stage.beacon("endpoint", "publish", "--once")
    web, shop = f"/beachhead/{machine(stage)}:web", f"/beachhead/{machine(stage)}:shop"
    assert redis.keys() == {web, shop}
    redis.ask("config", "set", "maxmemory", "1")
    stage.beacon("stop", "web")
    stage.define("shop", top='domain = "other.example.org:http=8080"')
    stage.apply()
    full = stage.beacon("endpoint", "publish", "--once", status=69)
    assert "redis://localhost:6379/0 is full: nothing new was published" in full.stderr
    assert redis.keys() == {shop}
    assert "shop.example.org" in str(redis.get(shop))
    redis.ask("config", "set", "maxmemory", "0")
    stage.beacon("endpoint", "publish", "--once")
    assert "other.example.org" in str(redis.get(shop))

    configure(stage, more="port = 6380")
    down = stage.beacon("endpoint", "publish", "--once", status=69)
    assert "cannot reach redis://localhost:6380/0" in down.stderr


CONFIGURATION = f"""
[publish.redis]
password = "{PASSWORD}"
each = "endpoint"
key = "{{{{ id }}}}/{{{{ machine }}}}"
value = "{{{{ address }}}}"
prefix = "/dns/"

[publish.etcd]

[[publish.traefik]]
url = "http://localhost:2379"
[[publish.traefik]]
url = "redis://localhost:6379/0"
password = "{PASSWORD}"

[[publish.file]]
path = "/etc/beacon/endpoints.json"
[[publish.file]]
path = "/etc/beacon/hosts.map"
template = "/etc/beacon/hosts.j2"
check = "grep -q example.org {{}}"
reload = "sh -c 'echo reloaded >>/var/tmp/reloads'"
"""


def test_all_kinds_at_once(stage: Stage, redis: LabRedis, etcd: LabEtcd) -> None:
    here, port = machine(stage), stage.port("web")
    stage.push("web")
    stage.define("web", top='domain = "example.org:http=8080"')
    stage.apply()
    stage.host.run("rm", "-f", "/var/tmp/reloads")  # noqa: S108 (on a host of our own)
    stage.write("/etc/beacon/beacon.toml", CONFIGURATION)
    stage.write(
        "/etc/beacon/hosts.j2", "{% for one in endpoints %}{{ one.domain }} {{ one.address }}\n{% endfor %}"
    )
    etcd.ask("put", "/beachhead/venus:web", "another machine's")
    stage.beacon("endpoint", "publish", "--once")

    router = f"{here}_web_example_org"
    rule, url = (
        f"traefik/http/routers/{router}/rule",
        f"traefik/http/services/{router}/loadbalancer/servers/0/url",
    )
    service = f"traefik/http/routers/{router}/service"
    priority = f"traefik/http/routers/{router}/priority"
    assert redis.keys() == {f"/dns/example_org/{here}", rule, priority, service, url}
    assert redis.get(f"/dns/example_org/{here}") == f"127.0.0.1:{port}"
    rows = etcd.rows()
    assert set(rows) == {
        *(f"/beachhead/{here}:web", "/beachhead/venus:web"),
        *(rule, priority, service, url),
    }
    assert json.loads(rows[f"/beachhead/{here}:web"]["value"])[0]["http"] == {
        "host": "127.0.0.1",
        "port": port,
    }
    assert (rows[rule]["value"], rows[service]["value"]) == ("Host(`example.org`)", router)
    assert rows[url]["value"] == f"http://127.0.0.1:{port}"
    assert len({row.get("lease") for key, row in rows.items() if "venus" not in key}) == 1
    assert rows[rule]["lease"]
    assert stage.host.read("/etc/beacon/hosts.map") == f"example.org 127.0.0.1:{port}\n"
    (listed,) = json.loads(stage.host.read("/etc/beacon/endpoints.json"))["endpoints"]
    assert (listed["service"], listed["state"], listed["port"]) == ("web", "up", port)

    # Nothing new: nothing is written, the leases live on, nothing is reloaded.
    stage.beacon("endpoint", "publish", "--once")
    assert etcd.rows() == rows
    assert stage.host.read("/var/tmp/reloads") == "reloaded\n"  # noqa: S108 (on a host of our own)

    # The check keeps a file without the domain out; all other stores have their own.
    stage.beacon("stop", "web")
    refused = stage.beacon("endpoint", "publish", "--once", status=69)
    assert "/etc/beacon/hosts.map stays as it was: the check refused the new one" in refused.stderr
    assert (redis.keys(), etcd.keys()) == (set(), {"/beachhead/venus:web"})
    assert json.loads(stage.host.read("/etc/beacon/endpoints.json"))["endpoints"] == []
    assert stage.host.read("/etc/beacon/hosts.map") == f"example.org 127.0.0.1:{port}\n"


def test_an_etcd_that_refuses_is_told(stage: Stage, etcd: LabEtcd) -> None:
    key = f"/beachhead/{machine(stage)}:web"
    stage.push("web")
    stage.define("web", top='domain = "example.org:http=8080"')
    stage.apply()
    toml = f"{stage.config}/beacon.toml"
    for words in (
        ("user", "add", "root:sesame"),
        ("user", "grant-role", "root", "root"),
        ("user", "add", "beacon:sesame"),
        ("role", "add", "beacon"),
        ("role", "grant-permission", "beacon", "readwrite", "/other/", "--prefix=true"),
        ("user", "grant-role", "beacon", "beacon"),
        ("auth", "enable"),
    ):
        etcd.ask(*words)
    for text, message in (
        ("", "refuses the user or the password: user name is empty"),
        ('user = "beacon"\npassword = "wrong"', "refuses the user or the password: authentication failed"),
        ('user = "beacon"\npassword = "sesame"', "does not let the user in to its keys: permission denied"),
    ):
        stage.write(toml, f"[publish.etcd]\n{text}\n")
        assert message in stage.beacon("endpoint", "publish", "--once", status=78).stderr
    etcd.ask(
        "--user=root:sesame",
        "role",
        "grant-permission",
        "beacon",
        "readwrite",
        "/beachhead/",
        "--prefix=true",
    )
    stage.beacon("endpoint", "publish", "--once")
    assert "example.org" in etcd.ask("--user=root:sesame", "get", key)

    etcd.stop()
    down = stage.beacon("endpoint", "publish", "--once", status=69)
    assert "cannot reach http://beacon@localhost:2379: " in down.stderr
    assert "Connection refused" in down.stderr

    # Full: nothing new is taken, but what stopped is deleted all the same.
    etcd.start("--quota-backend-bytes=2000000")
    stage.write(toml, "[publish.etcd]\n")
    stage.beacon("endpoint", "publish", "--once")
    fill = "head -c 900000 /dev/zero | tr '\\0' x | etcdctl put filler-$n"
    stage.host.run("sh", "-c", f"for n in 1 2 3 4; do {fill}; done", check=False)
    stage.define("web", top='domain = "other.example.org:http=8080"')
    stage.apply()
    full = stage.beacon("endpoint", "publish", "--once", status=69)
    assert "http://localhost:2379 is full: nothing new was published" in full.stderr
    stage.beacon("stop", "web")
    stage.beacon("endpoint", "publish", "--once")
    assert etcd.get(key) is None
