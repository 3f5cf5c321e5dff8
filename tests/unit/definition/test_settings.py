"""The machine's own configuration."""

from __future__ import annotations

import pytest

from beacon.definition.beacon_toml import decode_settings
from beacon.definition.settings import Settings, is_blank
from beacon.errors import ConfigError
from beacon.model.endpoints.publication import EtcdAccess, FileAccess, Publication, RedisAccess
from beacon.model.machine import Engine
from beacon.model.sensitive import Sensitive


@pytest.mark.parametrize(
    ("text", "engine"),
    [
        ("", None),
        ('engine = "auto"', None),
        ('engine = "docker"', Engine.DOCKER),
        ('engine = "podman"', Engine.PODMAN),
    ],
)
def test_the_engine_is_one_of_two_or_left_to_the_machine(text: str, engine: Engine | None) -> None:
    assert decode_settings(text, file="beacon.toml") == Settings(engine=engine)


@pytest.mark.parametrize("value", ['"lxc"', "1", '"Docker"', "[]"])
def test_another_engine_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match='engine: must be "auto", "podman" or "docker", not'):
        decode_settings(f"engine = {value}", file="beacon.toml")


def published(text: str) -> tuple[Publication, ...]:
    return decode_settings(text, file="beacon.toml").publish


@pytest.mark.parametrize(
    ("text", "access"),
    [
        ("", RedisAccess()),
        ('host = "mars"\nport = 1\ndb = 2', RedisAccess(host="mars", port=1, db=2)),
        ('socket = "/run/r.sock"', RedisAccess(socket="/run/r.sock")),
        (
            'url = "rediss://me:p%40ss@mars:7000/3"',
            RedisAccess(host="mars", port=7000, db=3, user="me", password=Sensitive("p@ss"), tls=True),
        ),
        ('url = "redis://mars"\npassword_file = "/p"', RedisAccess(host="mars", password_file="/p")),  # noqa: S106
        ('url = "unix:///run/r.sock?db=4"', RedisAccess(socket="/run/r.sock", db=4)),
    ],
)
def test_a_redis_in_keys_or_as_a_url(text: str, access: RedisAccess) -> None:
    (one,) = published(f"[publish.redis]\n{text}")
    assert one == Publication("publish.redis", access, prefix="/beachhead/", expire=60, refresh=27.0)


def test_expiry_and_refresh() -> None:
    (one,) = published('[publish.redis]\nexpire = "2m"\nprefix = ""')
    assert (one.expire, one.refresh, one.prefix) == (120, 54.0, "")
    (one,) = published('[publish.redis]\nexpire = "off"')
    assert (one.expire, one.refresh) == (0, 0.0)
    (one,) = published('[publish.etcd]\nexpire = "1m"\nrefresh = "5s"')
    assert (one.expire, one.refresh) == (60, 5.0)


def test_every_kind_of_publisher_several_at_once() -> None:
    found = published(
        """
        [[publish.redis]]
        [[publish.redis]]
        prefix = "/dns/"
        each = "endpoint"
        key = "{{ domain }}"
        value = "{{ host }}"
        [publish.etcd]
        url = "https://mars:7001"
        cert_file = "/c"
        key_file = "/k"
        [[publish.traefik]]
        url = "http://mars:7001"
        [[publish.traefik]]
        entrypoints = "web websecure"
        certresolver = "le"
        [[publish.file]]
        path = "/a.yml"
        [[publish.file]]
        path = "/b.conf"
        template = "/b.j2"
        check = "nginx -t -c {}"
        reload = ["systemctl", "reload", "nginx"]
        mode = "0600"
        """
    )
    assert [one.table for one in found] == [
        *("publish.redis[0]", "publish.redis[1]", "publish.etcd", "publish.traefik[0]", "publish.traefik[1]"),
        *("publish.file[0]", "publish.file[1]"),
    ]
    assert [one.form for one in found] == [*["beachhead"] * 3, "traefik", "traefik", "yaml", "template"]
    assert found[1].key == "{{ domain }}"
    assert found[2].access == EtcdAccess(host="mars", port=7001, tls=True, cert_file="/c", key_file="/k")
    assert found[3].access == EtcdAccess(host="mars", port=7001)
    assert found[3].prefix == "traefik"
    assert (found[4].access, found[4].entrypoints) == (RedisAccess(), ("web", "websecure"))
    assert found[6].access == FileAccess(
        "/b.conf", 0o600, ("nginx", "-t", "-c", "{}"), ("systemctl", "reload", "nginx")
    )


def test_without_a_table_nothing_is_published() -> None:
    assert published("") == ()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            '[publish.redis]\nurl = "http://mars"',
            "redis.url: must be a URL such as 'redis://localhost:6379/0'",
        ),
        ('[publish.redis]\nurl = "redis://mars:x"', "publish.redis.url: must be a URL"),
        ('[publish.redis]\nurl = "redis://mars/x"', "with a number as its database"),
        (
            '[publish.redis]\nurl = "redis://mars"\nport = 1',
            "redis.port: must not be given together with url",
        ),
        ('[publish.redis]\nsocket = "/a"\nhost = "b"', "redis.host: must not be given together with socket"),
        (
            '[publish.redis]\npassword = "a"\npassword_file = "/b"',
            "redis.password: must not be given together",
        ),
        ('[publish.redis]\nexpire = "500ms"', "publish.redis.expire: must be whole seconds"),
        ('[publish.redis]\nrefresh = "0s"', "publish.redis.refresh: must be longer than 0s"),
        (
            '[publish.redis]\nhots = "a"',
            "publish.redis.hots: unknown key; did you mean 'publish.redis.host'?",
        ),
        ('[publish.redis]\neach = "endpoint"', "publish.redis.each: needs key"),
        ("publish = 1", "publish: must be a table, not the number 1"),
        ("[publish]\nredis = 1", "publish.redis: must be a table, not the number 1"),
        ("[publish.rediss]", "publish.rediss: unknown key; did you mean 'publish.redis'?"),
        (
            '[publish.etcd]\nurl = "redis://mars"',
            "publish.etcd.url: must be a URL such as 'http://localhost:2379'",
        ),
        ('[publish.etcd]\ncert_file = "/c"', "publish.etcd.cert_file: needs key_file"),
        ("[publish.file]", "publish.file.path: is missing"),
        ('[publish.file]\npath = "/a"\ncheck = "true"', "publish.file.check: must have {}"),
        ('[publish.file]\npath = "/a"\nmode = "rw"', "publish.file.mode: must be a mode in octal"),
        ('[publish.file]\npath = "/a"\nformat = "toml"', 'publish.file.format: must be "json" or "yaml"'),
        (
            "[[publish.redis]]\n[[publish.redis]]",
            "publish.redis[1]: must not write what publish.redis[0] writes",
        ),
        (
            '[[publish.file]]\npath = "/a"\n[[publish.file]]\npath = "/a"\nformat = "yaml"',
            "publish.file[1]: must not write what publish.file[0] writes already, in /a",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        published(text)
    assert fault in caught.value.message


@pytest.mark.parametrize("text", ["", " \n# engine = 1\n\t#\n"])
def test_a_file_of_comments_sets_nothing(text: str) -> None:
    assert is_blank(text)
    assert decode_settings(text, file="beacon.toml") == Settings()


def test_a_file_that_says_the_default_says_something() -> None:
    assert not is_blank('engine = "auto" # x')
    assert decode_settings('engine = "auto" # x', file="beacon.toml") == Settings()


SECRET = "hunter2hunter2"  # noqa: S105


@pytest.mark.parametrize("kind", ["redis", "etcd", "traefik"])
@pytest.mark.parametrize(
    "value",
    [
        *(f"password = {value}" for value in ('"{}\\n"', '["{}"]', '{{ a = "{}" }}')),
        *(f"password = {value}" for value in ("31337", "true", "2026-01-01")),
        *(f"password_file = {value}" for value in ('"{}"', '"/etc/../{}"', '["{}"]', "31337", "true")),
        *(f"url = {value}" for value in ('"redis://:{}@mars/x"', '"ftp://:{}@mars"', "31337")),
        'url = ["http://a:{}@mars"]',
        *(f"{key} = {value}" for key in ("user", "host") for value in ('"{}\\t"', '["{}"]', "31337")),
    ],
)
def test_no_message_has_a_password_in_it(kind: str, value: str) -> None:
    text = f"[publish.{kind}]\n{value.format(SECRET)}\n"
    with pytest.raises(ConfigError) as refused:
        decode_settings(text, file="beacon.toml")
    said = str(refused.value)
    assert f"publish.{kind}" in said
    assert not [one for one in (SECRET, "31337", "2026-01-01", "true") if one in said]


@pytest.mark.parametrize("table", ['redis = "redis://:{}@mars"', 'redis = ["redis://:{}@mars"]'])
def test_a_url_in_the_place_of_a_table_is_not_told(table: str) -> None:
    with pytest.raises(ConfigError, match=r"must be a table, not a string") as refused:
        decode_settings(f"[publish]\n{table.format(SECRET)}\n", file="beacon.toml")
    assert SECRET not in str(refused.value)
