"""The machine's own configuration, /etc/beacon/beacon.toml: few keys, each with a default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from beacon.definition.grammar import (
    MAX_PORT,
    absolute_path,
    boolean,
    did_you_mean,
    duration,
    host_port,
    integer,
    line,
    shown,
    word,
)
from beacon.definition.loopback import PortRange
from beacon.errors import ConfigError
from beacon.model.host import Engine

_REDIS_PORT = 6379
_UNPRIVILEGED = 1024


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """``[publish.redis]``: the Redis that endpoints are published to."""

    host: str = "localhost"
    port: int = _REDIS_PORT
    socket: str | None = None
    """A unix socket, instead of host and port."""
    db: int = 0
    user: str | None = None
    password: str | None = None
    password_file: str | None = None
    tls: bool = False
    ca_file: str | None = None
    prefix: str = "/beachhead/"
    expire: int = 60
    """Seconds; 0 is never."""
    address: str = "127.0.0.1"
    """What is published for ports that are published at every address of the machine."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What beacon.toml says."""

    engine: Engine | None = None
    """What runs the containers; None leaves it to the machine (Podman where there is one)."""
    auth_file: str | None = None
    """The registry credentials to use instead of those of ``podman login`` (containers-auth.json(5))."""
    registry_deadline: float = 30.0
    """Seconds that one registry may take in one check."""
    registry_reserve: int = 5
    """Pulls of a registry's rate limit that Beacon leaves to others."""
    ports: PortRange = field(default_factory=PortRange)
    """The ports of the loopback that services with endpoints are given."""
    publish_redis: RedisSettings | None = None
    """The Redis that endpoints are published to; None where there is none."""


_ENGINES = ("auto", *(engine.value for engine in Engine))


def _engine(value: object) -> Engine | None:
    if value not in _ENGINES:
        raise ValueError(f'must be "auto", "podman" or "docker", not {shown(value)}')
    return None if value == "auto" else Engine(str(value))


def _ports(value: object) -> PortRange:
    ip, first, count = host_port(value)
    if ip or first is None or first < _UNPRIVILEGED:
        raise ValueError(f'must be a range of ports from 1024 on such as "20000-29999", not {shown(value)}')
    return PortRange(first, first + count - 1)


def _expire(value: object) -> int:
    seconds = 0.0 if value == "off" else duration(value)
    if seconds != int(seconds):
        raise ValueError(f'must be whole seconds such as "60s", or "off", not {shown(value)}')
    return int(seconds)


def _redis_url(value: object) -> dict[str, object]:
    """Read ``redis://user:password@host:6379/0``, ``rediss://`` or ``unix:///run/redis.sock?db=0``."""
    from urllib.parse import parse_qs, unquote, urlsplit  # noqa: PLC0415  # most machines have no such key

    problem = "must be a URL such as 'redis://localhost:6379/0', 'rediss://…' or 'unix:///run/redis.sock'"
    try:
        url = urlsplit(word(value))
        port = url.port
    except ValueError:
        raise ValueError(problem) from None
    found: dict[str, object] = {}
    if url.username:
        found["user"] = unquote(url.username)
    if url.password:
        found["password"] = unquote(url.password)
    if url.scheme == "unix" and url.path:
        found["socket"] = absolute_path(unquote(url.path))
        db = parse_qs(url.query).get("db", ["0"])[0]
    elif url.scheme in {"redis", "rediss"} and url.hostname:
        found |= {"host": url.hostname, "port": port or _REDIS_PORT, "tls": url.scheme == "rediss"}
        db = url.path.strip("/") or "0"
    else:
        raise ValueError(problem)
    if not (db.isascii() and db.isdecimal()):
        raise ValueError(f"{problem}, with a number as its database")
    return {**found, "db": int(db)}


_REDIS = "publish.redis"

_PARSERS: dict[str, Callable[[object], object]] = {
    "engine": _engine,
    "auth_file": absolute_path,
    "ports": _ports,
    "registry.deadline": duration,
    "registry.reserve": lambda value: integer(value, 0, 1_000_000),
    "publish.redis.url": _redis_url,
    "publish.redis.host": word,
    "publish.redis.port": lambda value: integer(value, 1, MAX_PORT),
    "publish.redis.socket": absolute_path,
    "publish.redis.db": lambda value: integer(value, 0, 2**31 - 1),
    "publish.redis.user": word,
    "publish.redis.password": line,
    "publish.redis.password_file": absolute_path,
    "publish.redis.tls": boolean,
    "publish.redis.ca_file": absolute_path,
    "publish.redis.prefix": line,
    "publish.redis.expire": _expire,
    "publish.redis.address": word,
}


def decode_settings(text: str, *, file: str) -> Settings:
    """Return the settings of *text*; ConfigError names every faulty key."""
    import tomllib  # noqa: PLC0415  # most machines have no such file

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: {error}") from error
    values: dict[str, Any] = {}
    faults = []
    for key, value in _flat(document):
        if key not in _PARSERS:
            faults.append(f"{file}: {key}: unknown key{did_you_mean(key, list(_PARSERS))}")
            continue
        try:
            values[key] = _PARSERS[key](value)
        except ValueError as error:
            faults.append(f"{file}: {key}: {error}")
    faults += (f"{file}: {problem}" for problem in _redis_problems(values))
    if faults:
        raise ConfigError("\n".join(faults), hint="beacon.toml(5) lists the keys")
    plain = {key.replace(".", "_"): value for key, value in values.items() if not key.startswith(_REDIS)}
    publish = document.get("publish")
    is_redis = isinstance(publish, dict) and "redis" in publish
    return Settings(**plain, publish_redis=_redis(values) if is_redis else None)


_URL_SAYS = ("host", "port", "socket", "db", "user", "password", "tls")


def _redis_problems(values: dict[str, Any]) -> list[str]:
    """Return what is said twice of Redis."""
    given = [key.rpartition(".")[2] for key in values if key.startswith(f"{_REDIS}.")]
    problems = []
    if "url" in given:
        problems += [
            f"{_REDIS}.{key}: must not be given together with url" for key in _URL_SAYS if key in given
        ]
    for key, others in (("socket", ("host", "port", "tls")), ("password_file", ("password",))):
        if key in given:
            problems += [
                f"{_REDIS}.{other}: must not be given together with {key}"
                for other in others
                if other in given
            ]
    return problems


def _redis(values: dict[str, Any]) -> RedisSettings:
    own = {
        item.name: values[f"{_REDIS}.{item.name}"]
        for item in fields(RedisSettings)
        if f"{_REDIS}.{item.name}" in values
    }
    return RedisSettings(**values.get(f"{_REDIS}.url", {}), **own)


def _flat(document: dict[str, object]) -> list[tuple[str, object]]:
    """Return the keys of tables as dotted keys."""
    pairs: list[tuple[str, object]] = []
    for key, value in document.items():
        if isinstance(value, dict):
            pairs += [(f"{key}.{inner}", one) for inner, one in _flat(value)]
        else:
            pairs.append((key, value))
    return pairs
