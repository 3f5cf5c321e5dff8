"""The machine's own configuration."""

from __future__ import annotations

import pytest

from beacon.definition.settings import RedisSettings, Settings, decode_settings
from beacon.errors import ConfigError
from beacon.model.host import Engine


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


def redis(text: str) -> RedisSettings | None:
    return decode_settings(f"[publish.redis]\n{text}", file="beacon.toml").publish_redis


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", RedisSettings()),
        (
            'host = "mars"\nport = 1\ndb = 2\nexpire = "2m"',
            RedisSettings(host="mars", port=1, db=2, expire=120),
        ),
        (
            'socket = "/run/r.sock"\nprefix = ""\nexpire = "off"',
            RedisSettings(socket="/run/r.sock", prefix="", expire=0),
        ),
        (
            'url = "rediss://me:p%40ss@mars:7000/3"\nprefix = "/x/"',
            RedisSettings(host="mars", port=7000, db=3, user="me", password="p@ss", tls=True, prefix="/x/"),  # noqa: S106
        ),
        ('url = "unix:///run/r.sock?db=4"', RedisSettings(socket="/run/r.sock", db=4)),
    ],
)
def test_a_redis_in_keys_or_as_a_url(text: str, expected: RedisSettings) -> None:
    assert redis(text) == expected


def test_without_its_table_there_is_no_redis() -> None:
    assert decode_settings("", file="beacon.toml").publish_redis is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('url = "http://mars"', "publish.redis.url: must be a URL such as 'redis://localhost:6379/0'"),
        ('url = "redis://mars:x"', "publish.redis.url: must be a URL"),
        ('url = "redis://mars/x"', "with a number as its database"),
        ('url = "redis://mars"\nport = 1', "publish.redis.port: must not be given together with url"),
        ('socket = "/a"\nhost = "b"', "publish.redis.host: must not be given together with socket"),
        ('password = "a"\npassword_file = "/b"', "publish.redis.password: must not be given together"),
        ('expire = "500ms"', "publish.redis.expire: must be whole seconds"),
        ('hots = "a"', "publish.redis.hots: unknown key; did you mean 'publish.redis.host'?"),
    ],
)
def test_a_redis_that_makes_no_sense_is_refused(text: str, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        redis(text)
    assert fault in caught.value.message
