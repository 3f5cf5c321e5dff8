"""The machine's own configuration, /etc/beacon/beacon.toml: few keys, each with a default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from beacon.definition.domains import domain_name
from beacon.definition.grammar import absolute_path, did_you_mean, duration, host_port, integer, shown
from beacon.definition.loopback import PortRange
from beacon.definition.publishing import Publication, decode_publications
from beacon.errors import ConfigError
from beacon.model.host import Engine

_UNPRIVILEGED = 1024


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
    publish: tuple[Publication, ...] = ()
    """Where endpoints are published, and how."""
    ports: PortRange = field(default_factory=PortRange)
    """The ports of the loopback that services with endpoints are given."""
    base_domain: str | None = None
    """What the names are below that Beacon chooses; None leaves it to the machine's own name."""


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


_MAX_BASE = 200
"""Leaves room for the name below it."""


def _base_domain(value: object) -> str:
    name = domain_name(value)
    if name.startswith("*.") or len(name) > _MAX_BASE:
        raise ValueError(f"must be a domain such as 'apps.example.org', not {shown(value)}")
    return name


_PARSERS: dict[str, Callable[[object], object]] = {
    "engine": _engine,
    "auth_file": absolute_path,
    "ports": _ports,
    "base_domain": _base_domain,
    "registry.deadline": duration,
    "registry.reserve": lambda value: integer(value, 0, 1_000_000),
}


def decode_settings(text: str, *, file: str) -> Settings:
    """Return the settings of *text*; ConfigError names every faulty key."""
    import tomllib  # noqa: PLC0415  # most machines have no such file

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: {error}") from error
    values: dict[str, Any] = {}
    publish, problems = decode_publications(document.pop("publish", {}))
    faults = [f"{file}: {problem}" for problem in problems]
    for key, value in _flat(document):
        if key not in _PARSERS:
            faults.append(f"{file}: {key}: unknown key{did_you_mean(key, list(_PARSERS))}")
            continue
        try:
            values[key.replace(".", "_")] = _PARSERS[key](value)
        except ValueError as error:
            faults.append(f"{file}: {key}: {error}")
    if faults:
        raise ConfigError("\n".join(faults), hint="beacon.toml(5) lists the keys")
    return Settings(**values, publish=publish)


def _flat(document: dict[str, object]) -> list[tuple[str, object]]:
    """Return the keys of one level of tables as dotted keys."""
    pairs: list[tuple[str, object]] = []
    for key, value in document.items():
        if isinstance(value, dict):
            pairs += [(f"{key}.{inner}", one) for inner, one in value.items()]
        else:
            pairs.append((key, value))
    return pairs
