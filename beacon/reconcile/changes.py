"""What a release changes of a service, in words; pure.

Values of variables and hashes of passwords are left out: not everybody who looks on is to see them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from beacon.definition.endpoints.claims import claim_text
from beacon.definition.grammar.quantities import format_size
from beacon.definition.keys import flatten, value_text
from beacon.model.reference import short
from beacon.model.release import Release
from beacon.model.service import Endpoint, Port, Protocol, Secret, Service, Volume

T = TypeVar("T")

_MAPS = {"env": "env", "labels": "label", "sysctls": "sysctl", "ulimits": "ulimit", "hosts": "host"}
"""Keys of which only the names are told."""
_TABLES = ("port[", "volume[", "secret[", "endpoint[", "job[")
_SIZES = {"resources.memory", "shm_size"}
_LONGEST = 60


def changes(old: Release, new: Release) -> tuple[str, ...]:
    """Return what *new* changes of *old*, the live release of the same service."""
    found = list(_service(old.service, new.service))
    if old.reference == new.reference and old.digest != new.digest:
        found.insert(0, f"image {short(old.digest)} → {short(new.digest)}")
    if old.private != new.private:
        found.append("env is kept from other users" if new.private else "env may be read by other users")
    for name in sorted({one.name for one in old.service.secrets} & {one.name for one in new.service.secrets}):
        before, after = old.secrets.get(name), new.secrets.get(name)
        if before != after:
            found.append(f"secret {name}: {_version(before)} → {_version(after)}")
    return tuple(found) or ("files are made in another way by now",)


def _version(number: int | None) -> str:
    return "the engine's" if number is None else f"version {number}"


def _service(old: Service, new: Service) -> Iterator[str]:
    yield from _keys(flatten(old), flatten(new))
    yield from _things("port", old.ports, new.ports, _container, _published)
    yield from _things("volume", old.volumes, new.volumes, lambda one: one.path, _mounted)
    yield from _things("secret", old.secrets, new.secrets, lambda one: one.name, _given)
    yield from _things("job", old.jobs, new.jobs, lambda one: one.name, lambda one: one.schedule)
    yield from _things("endpoint", old.endpoints, new.endpoints, claim_text, _answered)


def _keys(old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[str]:
    for key in dict.fromkeys((*old, *new)):
        before, after = old.get(key), new.get(key)
        table, _, inner = key.partition(".")
        if before == after or key.startswith(_TABLES):
            continue
        if table in _MAPS and inner:
            verb = "added" if before is None else "removed" if after is None else "changed"
            yield f"{_MAPS[table]} {inner} {verb}"
        else:
            yield f"{key} {_value(key, before)} → {_value(key, after)}"


def _value(key: str, value: object) -> str:
    if value in {None, ""}:
        return "none"
    if key in _SIZES and isinstance(value, int):
        return format_size(value)
    text = value_text(key, value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _things(
    what: str,
    old: Iterable[T],
    new: Iterable[T],
    name: Callable[[T], str],
    text: Callable[[T], str],
) -> Iterator[str]:
    """Yield what became of things that have names; *text* is what else is told of one."""
    gone = [one for one in old if one not in new]
    come = [one for one in new if one not in old]
    for before in gone:
        after = next((one for one in come if name(one) == name(before)), None)
        if after is None:
            yield f"{what} {_item(what, name(before), text(before))} removed"
            continue
        come.remove(after)
        if text(before) == text(after):
            yield f"{what} {name(before)} changed"
        elif what == "port":
            yield f"port {text(before)} → {text(after)}"
        else:
            yield f"{what} {name(before)}: {text(before)} → {text(after)}"
    yield from (f"{what} {_item(what, name(one), text(one))} added" for one in come)


def _item(what: str, name: str, text: str) -> str:
    if what == "port":
        return f"{text}→{name}"
    return f"{name} ({text})" if text else name


def _container(port: Port) -> str:
    return f"{port.container}{_protocol(port)}"


def _published(port: Port) -> str:
    address = f"[{port.host_ip}]" if ":" in port.host_ip else port.host_ip
    first = "any" if port.host_port is None else str(port.host_port)
    last = f"-{port.host_port + port.count - 1}" if port.host_port is not None and port.count > 1 else ""
    return f"{address + ':' if address else ''}{first}{last}"


def _protocol(port: Port) -> str:
    return "" if port.protocol is Protocol.TCP else f"/{port.protocol}"


def _mounted(volume: Volume) -> str:
    source = volume.name or volume.host or volume.external or ""
    return ", ".join((source, *(["read only"] if volume.read_only else []), *volume.options))


def _given(secret: Secret) -> str:
    return f"as {secret.env}" if secret.env else f"at {secret.path}" if secret.path else "as a file"


def _answered(endpoint: Endpoint) -> str:
    return "" if endpoint.port is None else f"port {endpoint.port}"
