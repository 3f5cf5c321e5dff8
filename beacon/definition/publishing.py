"""``[publish.*]`` of beacon.toml: the stores that endpoints are published to, and how."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from msgspec.structs import fields

from beacon.definition.grammar.portspec import MAX_PORT
from beacon.definition.grammar.quantities import duration
from beacon.definition.grammar.strings import (
    absolute_path,
    boolean,
    command,
    did_you_mean,
    integer,
    line,
    shown,
    text,
    word,
    words,
)
from beacon.model.endpoints.publication import PLACE, EtcdAccess, FileAccess, Publication, RedisAccess
from beacon.model.sensitive import Sensitive

_REFRESHED = 0.45
"""The part of its time that a key lives before it is renewed, as beachhead-companion did it."""


def _refresh_of(expire: int) -> float:
    return round(expire * _REFRESHED, 2)


def _expire(value: object) -> int:
    seconds = 0.0 if value == "off" else duration(value)
    if seconds != int(seconds):
        raise ValueError(f'must be whole seconds such as "60s", or "off", not {shown(value)}')
    return int(seconds)


def _refresh(value: object) -> float:
    seconds = duration(value)
    if seconds <= 0:
        raise ValueError(f"must be longer than 0s, not {shown(value)}")
    return seconds


def _one_of(*choices: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in choices:
            listed = " or ".join(f'"{choice}"' for choice in choices)
            raise ValueError(f"must be {listed}, not {shown(value)}")
        return str(value)

    return read


def _mode(value: object) -> int:
    if not isinstance(value, str) or not 3 <= len(value) <= 4 or set(value) - set("01234567"):  # noqa: PLR2004
        raise ValueError(f'must be a mode in octal such as "0644", not {shown(value)}')
    return int(value, 8)


def _check(value: object) -> tuple[str, ...]:
    found = command(value)
    if not any(PLACE in one for one in found):
        raise ValueError(f"must have {PLACE} where the name of the new file goes, not {shown(value)}")
    return found


def _words_of(value: object) -> tuple[str, ...]:
    return words(value)


_URL = "must be a URL such as"
_REDIS_URL = f"{_URL} 'redis://localhost:6379/0', 'rediss://…' or 'unix:///run/redis.sock'"
_ETCD_URL = f"{_URL} 'http://localhost:2379' or 'https://…'"


def _url(value: object, problem: str) -> tuple[Any, dict[str, object]]:
    try:
        url = urlsplit(word(value))
        port = url.port
    except ValueError:
        raise ValueError(problem) from None
    found: dict[str, object] = {}
    if url.username:
        found["user"] = unquote(url.username)
    if url.password:
        found["password"] = Sensitive(unquote(url.password))
    if port is not None:
        found["port"] = port
    return url, found


def _redis_url(value: object) -> dict[str, object]:
    """Read ``redis://user:password@host:6379/0``, ``rediss://`` or ``unix:///run/redis.sock?db=0``."""
    url, found = _url(value, _REDIS_URL)
    if url.scheme == "unix" and url.path:
        found["socket"] = absolute_path(unquote(url.path))
        db = parse_qs(url.query).get("db", ["0"])[0]
    elif url.scheme in {"redis", "rediss"} and url.hostname:
        found |= {"host": url.hostname, "tls": url.scheme == "rediss"}
        db = url.path.strip("/") or "0"
    else:
        raise ValueError(_REDIS_URL)
    if not (db.isascii() and db.isdecimal()):
        raise ValueError(f"{_REDIS_URL}, with a number as its database")
    return {**found, "db": int(db)}


def _etcd_url(value: object) -> dict[str, object]:
    url, found = _url(value, _ETCD_URL)
    if url.scheme not in {"http", "https"} or not url.hostname or url.path.strip("/"):
        raise ValueError(_ETCD_URL)
    return {**found, "host": url.hostname, "tls": url.scheme == "https"}


def _store_url(value: object) -> dict[str, object]:
    """Read the URL of a Redis or an etcd, told apart by its scheme."""
    if isinstance(value, str) and value.startswith("http"):
        return {**_etcd_url(value), "etcd": True}
    return _redis_url(value)


_Parsers = Mapping[str, Callable[[object], object]]

_LOGIN: _Parsers = {
    "user": word,
    "password": lambda value: Sensitive(line(value)),
    "password_file": absolute_path,
    "ca_file": absolute_path,
}
_KEYS: _Parsers = {
    "prefix": line,
    "expire": _expire,
    "refresh": _refresh,
    "address": word,
}
_TEMPLATES: _Parsers = {"key": word, "value": text, "each": _one_of("service", "endpoint")}

PARSERS: Mapping[str, _Parsers] = {
    "redis": {
        "url": _redis_url,
        "host": word,
        "port": lambda value: integer(value, 1, MAX_PORT),
        "socket": absolute_path,
        "db": lambda value: integer(value, 0, 2**31 - 1),
        "tls": boolean,
        **_LOGIN,
        **_KEYS,
        **_TEMPLATES,
    },
    "etcd": {
        "url": _etcd_url,
        **_LOGIN,
        "cert_file": absolute_path,
        "key_file": absolute_path,
        **_KEYS,
        **_TEMPLATES,
    },
    "traefik": {
        "url": _store_url,
        **_LOGIN,
        "cert_file": absolute_path,
        "key_file": absolute_path,
        **_KEYS,
        "entrypoints": _words_of,
        "certresolver": word,
    },
    "file": {
        "path": absolute_path,
        "format": _one_of("json", "yaml"),
        "template": absolute_path,
        "check": _check,
        "reload": command,
        "mode": _mode,
        "address": word,
    },
}
"""Of each kind of table the keys, each with what reads it."""

_DEFAULTS: Mapping[str, Mapping[str, object]] = {
    "redis": {"prefix": "/beachhead/", "expire": 60},
    "etcd": {"prefix": "/beachhead/", "expire": 60},
    "traefik": {"prefix": "traefik", "expire": 60, "form": "traefik"},
    "file": {},
}
_EXCLUDE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("url", ("host", "port", "socket", "db", "tls")),
    ("socket", ("host", "port", "tls")),
    ("password_file", ("password",)),
    ("template", ("format",)),
)


_UNSAID: Mapping[str, str] = {
    "password": "must be a string of one line",
    "password_file": "must be the absolute path of a file, without '..'",
    "user": "must be a string of one line, and not empty",
    "host": "must be a string of one line, and not empty",
}
"""What is wrong with passwords, and with what somebody took for the place of one: the value is not told."""


def decode_publications(value: object) -> tuple[tuple[Publication, ...], list[str]]:
    """Return what the table ``publish`` says, and ``key: problem`` of all that is wrong with it."""
    if not isinstance(value, dict):
        return (), [f"publish: must be a table, not {_kind(value)}"]
    found: list[Publication] = []
    problems: list[str] = []
    for kind, given in value.items():
        if kind not in PARSERS:
            near = did_you_mean(f"publish.{kind}", [f"publish.{known}" for known in PARSERS])
            problems.append(f"publish.{kind}: unknown key{near}")
            continue
        tables = given if isinstance(given, list) else [given]
        for index, table in enumerate(tables):
            name = f"publish.{kind}[{index}]" if isinstance(given, list) else f"publish.{kind}"
            if isinstance(table, dict):
                publication, wrong = _decode(kind, name, table)
                found += [publication] if publication else []
                problems += wrong
            else:
                problems.append(f"{name}: must be a table, not {_kind(table)}")
    problems += _twice(found)
    return tuple(found), problems


def _kind(value: object) -> str:
    """Return *value* as a message shows it; a string may be a URL with a password in it."""
    return "a string" if isinstance(value, str) else shown(value)


def _decode(kind: str, name: str, table: Mapping[str, object]) -> tuple[Publication | None, list[str]]:
    parsers, values, problems = PARSERS[kind], dict[str, Any](), []
    for key, value in table.items():
        if key not in parsers:
            near = did_you_mean(f"{name}.{key}", [f"{name}.{known}" for known in parsers])
            problems.append(f"{name}.{key}: unknown key{near}")
            continue
        try:
            values[key] = parsers[key](value)
        except ValueError as error:
            problems.append(f"{name}.{key}: {_UNSAID.get(key, error)}")
    problems += [f"{name}.{problem}" for problem in _contradictions(kind, table)]
    return (None if problems else _publication(kind, name, values)), problems


def _contradictions(kind: str, given: Collection[str]) -> Iterator[str]:
    for key, others in _EXCLUDE:
        if key in given:
            yield from (
                f"{other}: must not be given together with {key}" for other in others if other in given
            )
    if kind == "file" and "path" not in given:
        yield "path: is missing: where the file is to be"
    if "each" in given and "key" not in given:
        yield "each: needs key, the template of an endpoint's key"
    for one, other in (("cert_file", "key_file"), ("key_file", "cert_file")):
        if one in given and other not in given:
            yield f"{one}: needs {other}"


def _publication(kind: str, name: str, values: Mapping[str, Any]) -> Publication:
    merged = {**_DEFAULTS[kind], **values, **values.get("url", {})}
    merged |= {key: values[key] for key in ("user", "password") if key in values}
    several: dict[str, type[RedisAccess | EtcdAccess | FileAccess]] = {
        "redis": RedisAccess,
        "etcd": EtcdAccess,
        "traefik": EtcdAccess if merged.get("etcd") else RedisAccess,
        "file": FileAccess,
    }
    access = several[kind]
    if kind == "file":
        merged["form"] = (
            "template" if "template" in merged else merged.get("format") or _by_name(merged["path"])
        )
    merged.setdefault("refresh", _refresh_of(merged.get("expire", 0)))
    own = {item.name: merged[item.name] for item in fields(Publication) if item.name in merged}
    inner = {item.name: merged[item.name] for item in fields(access) if item.name in merged}
    return Publication(name, access(**inner), **own)


def _by_name(path: str) -> str:
    return "yaml" if path.endswith((".yaml", ".yml")) else "json"


def _twice(found: Collection[Publication]) -> Iterator[str]:
    """Yield the tables that would write the same keys as another one."""
    first: dict[tuple[object, ...], Publication] = {}
    for one in found:
        is_file = isinstance(one.access, FileAccess)
        how = () if is_file else (one.form, one.prefix, one.key, one.each)
        slot = (one.access.where, *how)
        earlier = first.setdefault(slot, one)
        if earlier is not one:
            yield f"{one.table}: must not write what {earlier.table} writes already, in {one.access.where}"
